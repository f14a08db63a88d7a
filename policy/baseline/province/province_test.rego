# Each test starts from a county's case on its way up to the city, and changes
# what it is about.
package yizhan.layer

test_a_case_goes_up if {
	allow
	count(deny) == 0
	count(hold) == 0
}

test_an_unknown_kind_is_undefined if not allow with input.kind as "telegram"

test_refused_data_stays if some r in deny with input.share as "refused"

test_a_request_to_a_peer_is_a_letter if {
	some r in deny with input.kind as "document" with input.type as "0B" with input.type_fits as false
	r.code == "R13"
}

test_conditional_data_waits if {
	count(hold) == 1 with input.kind as "query" with input.share as "conditional"
}

test_six_months if {"kind": "retain_days", "value": "180"} in obligations
