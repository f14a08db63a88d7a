package policy

import (
	"context"
	"io/fs"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/baseline"
	"github.com/yizhan-exchange/yizhan/policy/facts"
	"github.com/yizhan-exchange/yizhan/policy/kernel"
	"github.com/yizhan-exchange/yizhan/policy/layer"
)

// What is asked; see package facts.
type (
	// Question is everything known when a decision is asked for.
	Question = facts.Question
	// Party is a unit with its domain.
	Party = facts.Party
	// Recipient is one addressee.
	Recipient = facts.Recipient
	// Actor is the person who acts.
	Actor = facts.Actor
	// TestResult is the outcome of one Rego test.
	TestResult = layer.TestResult
)

// KernelRevision is the revision of the rules that no policy can edit.
const KernelRevision = kernel.Revision

// Check reports everything that keeps the files from loading as a bundle, each
// problem with file:line in Field.
func Check(files []exchange.PolicyFile) exchange.Problems { return layer.Check(files) }

// LoadDir reads the policy files of a directory, bounded in number and size.
func LoadDir(fsys fs.FS) ([]exchange.PolicyFile, error) { return layer.LoadDir(fsys) }

// Schema is the shape of input as rules see it, for the reference.
func Schema() *facts.Node { return facts.Schema }

// BuiltIns lists the functions that rules may call.
func BuiltIns() []string { return layer.BuiltIns() }

// KernelReasons lists every reason the kernel can give.
func KernelReasons() []exchange.Reason { return kernel.Reasons() }

// Test runs the bundle's own tests. Each starts from Sample as input.
func Test(ctx context.Context, files []exchange.PolicyFile) ([]TestResult, error) {
	q := Sample()
	return layer.RunTests(ctx, files, facts.Of(&q).Input())
}

// Sample is the question that tests of rules start from: a case filed by a
// county's health commission with that of its city, on unclassified networks.
func Sample() Question {
	province := exchange.DomainInfo{Domain: "320000", Name: "江苏省", Level: exchange.Province}
	city := exchange.DomainInfo{Domain: "320500", Name: "苏州市", Level: exchange.City, Parent: "320000"}
	county := exchange.DomainInfo{Domain: "320582", Name: "张家港市", Level: exchange.County, Parent: "320500"}
	return Question{
		Point: exchange.PointSubmit, Self: county, Peer: city, Kind: exchange.Case, Type: "4",
		From: Party{Unit: exchange.UnitInfo{Unit: "wjw@320582", Name: "张家港市卫生健康委员会", Line: "health"}, Domain: county, Known: true},
		To: []Recipient{{Party: Party{
			Unit: exchange.UnitInfo{Unit: "wjw@320500", Name: "苏州市卫生健康委员会", Line: "health"}, Domain: city, Known: true}}},
		Actor: Actor{Caller: exchange.Caller{Unit: "wjw@320582", Person: "sample", Duties: []exchange.Duty{exchange.Handler}}},
		Parent: func(d exchange.Domain) exchange.Domain {
			return map[exchange.Domain]exchange.Domain{county.Domain: city.Domain, city.Domain: province.Domain}[d]
		},
	}
}

// Baseline is the policy of the topmost domain as shipped, ready to be put in
// a bundle's Files.
func Baseline() []exchange.PolicyFile { return baseline.Province() }

// CitySample is an example of what a city adds.
func CitySample() []exchange.PolicyFile { return baseline.City() }

// CountySample is an example of what a county adds.
func CountySample() []exchange.PolicyFile { return baseline.County() }
