# What must be done for an allow to stand.
package yizhan.layer

# Level-3 protection keeps records for at least six months.
obligations contains {"kind": "retain_days", "value": "180"}

# Every opening is logged.
obligations contains {"kind": "log", "value": "open"} if input.point == "open"

# What is protected is logged on every leg, and the security officer told once.
obligations contains {"kind": "log", "value": "protected"} if protected

obligations contains {"kind": "notify", "value": "security_officer"} if {
	input.point == "submit"
	protected
}

protected if input.classified == true

protected if input.work_secret == true
