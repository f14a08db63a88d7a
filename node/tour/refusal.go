package tour

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// refusal: what the rules forbid is refused with its clause, and explained.
func refusal() scene {
	return scene{"规则拦截", "What the rules forbid is refused", []step{
		{"县卫健委越级向省请示，未抄送市，被拦截 [R1]", "the county asks the province past the city: refused with R1 and its clause", skipLevel},
		{"拦截理由可查", "policy explain gives the reasons", explain},
		{"抄送市后可以发出", "with a copy to the city it is sent", withCopy},
		{"标密办件不得进入共享", "a case marked 机密 is refused", secretCase},
		{"机密公文不得进入非涉密网络", "a document marked 机密 is refused on a network not built for it", secretDocument},
	}}
}

func (p *player) request(cc ...string) exchange.Submission {
	return exchange.Submission{Kind: "document", To: []string{province}, Cc: cc, Type: "请示", Number: p.number("张卫"), Date: p.date(),
		Title: "关于增设急救站的请示", Signer: "王明"}
}

func requestText() file { return file{"请示.ofd", []byte("省卫生健康委：")} }

func skipLevel(ctx context.Context, p *player) error {
	_, err := p.submit(ctx, county, p.request(), requestText())
	if err := expectCode(err, exchange.Denied, "R1"); err != nil {
		return err
	}
	var e *exchange.Error
	_ = errors.As(err, &e) // it was denied
	words := strings.Fields(e.Message)
	p.refused = words[len(words)-1]
	return nil
}

func explain(ctx context.Context, p *player) error {
	records, err := p.as(county).ExplainPolicy(ctx, p.refused)
	if err != nil {
		return err
	}
	for _, r := range records {
		for _, reason := range r.Reasons {
			if !r.Allow && reason.Code == "R1" && reason.Chinese != "" && reason.Clause != "" {
				return nil
			}
		}
	}
	return fmt.Errorf("explain: expected 应为 a refusal with R1\nhappened 实际 %d records %+v", len(records), records)
}

func withCopy(ctx context.Context, p *player) error {
	s, err := p.submit(ctx, county, p.request(city), requestText())
	if err != nil {
		return err
	}
	return p.await(ctx, county, s, province+"=arrived [accepted@320582 relayed@320500 arrived@320000]; "+
		city+"=arrived [accepted@320582 arrived@320500]")
}

func secretCase(ctx context.Context, p *player) error {
	_, err := p.submit(ctx, county, exchange.Submission{Kind: "case", To: []string{city}, Type: "上报件", Title: "涉密事项",
		Fields: []byte(`{"内容":"涉密"}`), Secrecy: "机密★10年"})
	return expectCode(err, exchange.Invalid, "case.secrecy.shared")
}

func secretDocument(ctx context.Context, p *player) error {
	_, err := p.submit(ctx, province, exchange.Submission{Kind: "document", To: []string{city}, Type: "通知", Number: p.number("苏卫密"), Date: p.date(),
		Title: "关于有关事项的通知", Secrecy: "机密★10年", Copies: "000001", Urgency: "加急"}, requestText())
	return expectCode(err, exchange.Denied, "network.ceiling")
}

// mistakes: everything wrong is told at once.
func mistakes() scene {
	return scene{"一次性告知", "Everything wrong is told at once", []step{
		{"错误百出的公文，一次告知全部问题", "a document full of mistakes is answered with all of them", allProblems},
	}}
}

func allProblems(ctx context.Context, p *player) error {
	_, err := p.submit(ctx, county, exchange.Submission{Kind: "document", To: []string{"wjv@320500"}, Type: "请是", Number: "张卫[2026]3号", Date: "2026年02月30日"},
		file{"../请示.ofd", []byte("x")})
	if err := expectCode(err, exchange.Invalid, ""); err != nil {
		return err
	}
	var e *exchange.Error
	_ = errors.As(err, &e) // it was invalid
	told := map[string]bool{}
	for _, problem := range e.Problems {
		told[problem.Field] = told[problem.Field] || problem.Chinese != "" && problem.Message != ""
	}
	for _, field := range []string{"to[0]", "type", "number", "title", "date", "files[0].name"} {
		if !told[field] {
			return fmt.Errorf("problems: expected 应含 one at %s\nhappened 实际 %v", field, told)
		}
	}
	return nil
}
