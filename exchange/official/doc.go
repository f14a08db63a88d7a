// Package official knows official documents (公文) of party and government
// bodies: their elements and types, the numbers and marks they carry, and the
// rules on who may write to whom (行文规则).
//
// The bases are 党政机关公文处理工作条例 (中办发〔2012〕14号), cited as 条例, and the
// layout standard GB/T 9704-2012. Everything here is a pure function; code
// tables that practice may change are versioned data.
package official
