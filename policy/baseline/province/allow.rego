# What this layer speaks of at all. Whatever is not named here is undefined,
# and undefined is deny.
package yizhan.layer

allow if input.kind == "document"

allow if input.kind == "case"

allow if input.kind == "query"
