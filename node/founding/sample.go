package founding

import (
	"github.com/yizhan-exchange/yizhan/exchange"
)

// SamplePort is the first port of the sample federation.
const SamplePort = 7400

// Sample declares the trial federation: a province, a city and a county, each
// with a general office and a health commission. The places are real, the
// persons and the credit codes are not.
func Sample() Federation {
	return Federation{
		Topology: Separate, BasePort: SamplePort,
		Domains: []Domain{
			sampleDomain("320000", "江苏省", exchange.Province, "", "江苏省人民政府办公厅"),
			sampleDomain("320500", "苏州市", exchange.City, "320000", "苏州市人民政府办公室"),
			sampleDomain("320582", "张家港市", exchange.County, "320500", "张家港市人民政府办公室"),
		},
	}
}

func sampleDomain(code exchange.Domain, name string, level exchange.Level, parent exchange.Domain, office string) Domain {
	clerk := []exchange.Duty{exchange.Handler, exchange.Clerk}
	return Domain{
		Domain: code, Name: name, Level: level.String(), Parent: parent, Replicas: defaultReplicas,
		Units: []Unit{
			{Unit: "bgs", Name: office, USCC: fictitiousUSCC(code, 1), Office: true},
			{Unit: "wjw", Name: name + "卫生健康委员会", USCC: fictitiousUSCC(code, 2), Line: "health"},
		},
		Persons: []Person{
			{Person: "trial.clerk", Unit: "bgs", Duties: clerk},
			{Person: "trial.clerk", Unit: "wjw", Duties: clerk},
			{Person: "trial.security", Unit: "bgs", Duties: []exchange.Duty{exchange.SecurityOfficer}},
			{Person: "trial.admin", Unit: "bgs", Duties: []exchange.Duty{exchange.Administrator}},
			{Person: "trial.auditor", Unit: "bgs", Duties: []exchange.Duty{exchange.Auditor}},
		},
	}
}
