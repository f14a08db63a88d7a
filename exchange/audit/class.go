package audit

import (
	"errors"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
)

// Class is a kind of failure: an error to compare with, a stable code for
// programs and a sentence in two languages for people.
type Class struct {
	Code    string
	English string
	Chinese string
}

// Error returns the English sentence.
func (c *Class) Error() string { return c.English }

// Failure classes of Verify. A finding belongs to exactly one.
var (
	ErrArchive          = &Class{"evidence.archive", "the evidence file is damaged or not an evidence file", "证据文件损坏或格式不符"}
	ErrMissingEntry     = &Class{"evidence.entry.missing", "an entry listed in the index is missing", "缺少索引所列条目"}
	ErrUnexpectedEntry  = &Class{"evidence.entry.unexpected", "an entry does not belong in the file", "存在多余或不应有的条目"}
	ErrIndex            = &Class{"evidence.index", "the index does not match the file", "索引与文件不符"}
	ErrAnchor           = &Class{"evidence.anchor", "the evidence does not begin at your trust anchor", "证据的信任起点不是所给的信任锚"}
	ErrDirectory        = &Class{"evidence.directory.altered", "a directory statement was altered", "目录声明被改动"}
	ErrMissingDirectory = &Class{"evidence.directory.missing", "a directory statement is missing", "缺少目录声明"}
	ErrCertificate      = &Class{"evidence.certificate.altered", "a certificate was altered or is not acceptable", "证书被改动或不可接受"}
	ErrUnits            = &Class{"evidence.units.altered", "a statement of units was altered", "单位声明被改动"}
	ErrManifest         = &Class{"evidence.manifest.altered", "the manifest was altered", "清单被改动"}
	ErrReceipt          = &Class{"evidence.receipt.altered", "a receipt was altered", "回执被改动"}
	ErrForged           = &Class{"evidence.forged", "a statement is not signed by the domain that it names", "签名者不是所称的交换域"}
	ErrForeign          = &Class{"evidence.receipt.foreign", "a receipt belongs to another exchange", "回执属于另一次交换"}
	ErrMissingReceipt   = &Class{"evidence.receipt.missing", "a receipt is missing", "缺少回执"}
	ErrRoad             = &Class{"evidence.receipt.road", "a receipt does not fit the road of the exchange", "回执与交换路径不符"}
	ErrRevoked          = &Class{"evidence.key.revoked", "a statement was signed with a revoked key", "签名所用密钥已被撤销"}
	ErrPeriod           = &Class{"evidence.key.period", "a statement was signed outside the validity of its key", "签名时间不在密钥有效期内"}
	ErrContent          = &Class{"evidence.content.altered", "the sealed content was altered", "密封内容被改动"}
	ErrMissingContent   = &Class{"evidence.content.missing", "sealed content is missing", "缺少密封内容"}
	ErrKey              = &Class{"evidence.key.commitment", "the disclosed key is not the one the manifest commits to", "所披露密钥与清单承诺不符"}
	ErrOpen             = &Class{"evidence.content.open", "the content does not open as the manifest says", "内容无法按清单打开"}
	ErrUnproven         = &Class{"evidence.unproven", "cannot be checked because of another failure", "因其他问题而无法核验"}
	warnTime            = &Class{"evidence.time.order", "times are out of order", "时间先后不一致"}
)

// classOf says what a failure of the directory means for something that is
// called altered when its signature does not hold.
func classOf(err error, altered *Class) *Class {
	switch {
	case errors.Is(err, directory.ErrAnchor):
		return ErrAnchor
	case errors.Is(err, directory.ErrCertificate):
		return ErrCertificate
	case errors.Is(err, directory.ErrRevoked):
		return ErrRevoked
	case errors.Is(err, directory.ErrExpired), errors.Is(err, directory.ErrNotYetValid):
		return ErrPeriod
	case errors.Is(err, directory.ErrUnknownDomain), errors.Is(err, directory.ErrIssuer):
		return ErrMissingDirectory
	case errors.Is(err, directory.ErrUnknownKey):
		return ErrForged
	}
	return altered
}

// messageOf returns the safe message of a domain error, without its operation.
func messageOf(err error) string {
	var e *exchange.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
