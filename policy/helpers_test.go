package policy_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy"
)

var (
	province = exchange.DomainInfo{Domain: "320000", Level: exchange.Province}
	city     = exchange.DomainInfo{Domain: "320500", Level: exchange.City, Parent: "320000"}
	county   = exchange.DomainInfo{Domain: "320582", Level: exchange.County, Parent: "320500"}
	sister   = exchange.DomainInfo{Domain: "320583", Level: exchange.County, Parent: "320500"}
)

func parents(d exchange.Domain) exchange.Domain {
	return map[exchange.Domain]exchange.Domain{"320582": "320500", "320583": "320500", "320500": "320000"}[d]
}

func party(u exchange.Unit, d exchange.DomainInfo, office bool, line string) policy.Party {
	return policy.Party{Unit: exchange.UnitInfo{Unit: u, Office: office, Line: line}, Domain: d, Known: true}
}

func to(u exchange.Unit, d exchange.DomainInfo, role exchange.Role) policy.Recipient {
	return policy.Recipient{Party: party(u, d, strings.HasPrefix(string(u), "bgs"), line(u)), Role: role}
}

func line(u exchange.Unit) string {
	return map[string]string{"wjw": "health", "jyj": "education"}[u.Local()]
}

// countyRequest is a 请示 of a county's health commission to that of its city.
func countyRequest() policy.Question {
	q := policy.Sample()
	q.Kind, q.Type = exchange.Document, "0B"
	return q
}

// provinceNotice is a 通知 of the province's general office to that of a city
// and, over its head, to that of a county.
func provinceNotice() policy.Question {
	return policy.Question{
		Point: exchange.PointSubmit, Self: province, Kind: exchange.Document, Type: "08",
		From:   party("bgs@320000", province, true, ""),
		To:     []policy.Recipient{to("bgs@320500", city, exchange.Main), to("bgs@320582", county, exchange.Main)},
		Parent: parents,
	}
}

// problems spells out every problem of an error.
func problems(err error) string {
	var e *exchange.Error
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	out := []string{err.Error()}
	for _, p := range e.Problems {
		out = append(out, fmt.Sprintf("%s [%s] %s", p.Field, p.Code, p.Message))
	}
	return strings.Join(out, "\n")
}

func codes(reasons []exchange.Reason) string {
	var out []string
	for _, r := range reasons {
		out = append(out, r.Layer+"/"+r.Code)
	}
	return strings.Join(out, " ")
}

// sources is the text of every Go file of the room that is not a test.
func sources(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		out[name] = string(text)
		return err
	})
	if err != nil || len(out) < 10 {
		t.Fatal(len(out), err)
	}
	return out
}
