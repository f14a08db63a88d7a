// Package form holds what every kind of exchange has in common on paper: who
// writes to whom, which files are handed in under which names, and how a
// refusal is worded. The rooms for documents (exchange/official) and cases
// (exchange/casework) build on it, so that a file name or a recipient is judged
// the same way in both.
//
// Texts of refusals are data: one catalogue per room, in which each stable code
// has an English and a Chinese sentence, the clause that refuses, and what to
// do instead. They never repeat what the sender wrote; files and recipients are
// named by their position.
package form
