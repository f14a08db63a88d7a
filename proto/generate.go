// Package proto holds the interface definitions; the Go made from them is in
// yizhan/v1.
package proto

//go:generate sh -c "cd .. && protoc -I proto --go_out=. --go_opt=module=github.com/yizhan-exchange/yizhan --go-grpc_out=. --go-grpc_opt=module=github.com/yizhan-exchange/yizhan proto/yizhan/v1/*.proto"
