package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// relay: the level in between carries and cannot read.
func relay() scene {
	return scene{"逐级中转", "The level in between carries it and cannot read it", []step{
		{"县卫健委经市向省上报，市出具中转回执", "county to province by way of the city, which gives a RELAYED receipt", relayCase},
		{"市卫健委无从查看", "the city cannot show it", cannotRead},
		{"省卫健委取回附件，逐字节一致", "the province fetches it: identical, byte for byte", fetchRelayed},
	}}
}

func relayCase(ctx context.Context, p *player) (err error) {
	p.relayed, err = p.submit(ctx, county, exchange.Submission{Kind: "case", To: []string{province}, Type: "备案", Title: "突发公共卫生事件备案"},
		file{"备案表.ofd", mebibytes(1)})
	if err != nil {
		return err
	}
	return p.await(ctx, county, p.relayed, province+"=arrived [accepted@320582 relayed@320500 arrived@320000]")
}

func cannotRead(ctx context.Context, p *player) error {
	d, err := p.as(city).Show(ctx, p.relayed.id())
	if code := exchange.CodeOf(err); code == exchange.NotFound || code == exchange.Denied {
		return nil
	}
	return errors.Join(fmt.Errorf("show as %s: expected 应为 not_found or denied\nhappened 实际 title %q", city, d.Title), err)
}

func fetchRelayed(ctx context.Context, p *player) error { return p.identical(ctx, province, p.relayed) }

// recall: what is not signed for can be taken back.
func recall() scene {
	return scene{"撤回", "What is not signed for can be recalled", []step{
		{"县卫健委上报后，在签收前撤回", "the county files a case and recalls it before it is signed", recallCase},
		{"县市两端均为已撤回", "it is recalled on both sides", recalledBoth},
		{"撤回之后不能签收", "what was recalled cannot be signed for", noSignature},
	}}
}

func recallCase(ctx context.Context, p *player) (err error) {
	p.recalled, err = p.submit(ctx, county, exchange.Submission{Kind: "case", To: []string{city}, Type: "上报件", Title: "误报事项", Fields: []byte(`{"误":"报"}`)})
	if err != nil {
		return err
	}
	if err := p.await(ctx, county, p.recalled, city+"=arrived [accepted@320582 arrived@320500]"); err != nil {
		return err
	}
	_, err = p.as(county).Recall(ctx, p.recalled.id(), nil, "content")
	return err
}

func recalledBoth(ctx context.Context, p *player) error {
	if err := p.await(ctx, county, p.recalled, city+"=recalled [accepted@320582 arrived@320500 recalled@320500]"); err != nil {
		return err
	}
	return p.listed(ctx, city, p.recalled, "误报事项 from "+county+", recalled")
}

func noSignature(ctx context.Context, p *player) error {
	_, err := p.as(city).Sign(ctx, p.recalled.id())
	return expectCode(err, exchange.Conflict, "")
}

// retry: asking again does nothing twice.
func retry() scene {
	return scene{"重试幂等", "A retry does nothing twice", []step{
		{"同一幂等键、同一内容，返回原回执，逐字节一致", "the same key and content return the original receipt, byte for byte", sameReceipt},
		{"同一幂等键、不同内容，被拒绝", "the same key with other content is refused", otherContent},
	}}
}

func sameReceipt(ctx context.Context, p *player) error {
	again, err := p.as(county).Submit(ctx, p.filed.Submission, p.filed.open)
	if err != nil {
		return err
	}
	first := p.filed.answer
	a, b := first.Receipt.Signed, again.Receipt.Signed
	same := again.ID == first.ID && bytes.Equal(a.Bytes, b.Bytes) && a.Key == b.Key && a.Sig == b.Sig
	return expect("the same receipt, replayed", "true true", fmt.Sprint(same, again.Replayed))
}

func otherContent(ctx context.Context, p *player) error {
	other := p.filed.Submission
	other.Title = "另一事项"
	_, err := p.as(county).Submit(ctx, other, p.filed.open)
	return expectCode(err, exchange.Conflict, "")
}
