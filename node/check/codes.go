package check

// Code names a class of findings. DESIGN.md says what each means and what to
// do.
type Code string

// Codes of what can be found.
const (
	RowUnreadable Code = "row.unreadable"

	HeadMissing          Code = "head.missing"
	NotFounded           Code = "domain.not-founded"
	LevelUnknown         Code = "level.unknown"
	ConfigurationMissing Code = "configuration.missing"
	CountsWrong          Code = "counts.wrong"

	ManifestUnreadable Code = "manifest.unreadable"
	ManifestDigest     Code = "manifest.digest"
	ManifestSignature  Code = "manifest.signature"

	ExchangeDeliveries Code = "exchange.deliveries"
	DeliveryMissing    Code = "delivery.missing"
	DeliveryOrphan     Code = "delivery.orphan"
	DeliveryUnbacked   Code = "delivery.unbacked"
	DeliveryArriving   Code = "delivery.arriving"
	DeliveryLost       Code = "delivery.lost"

	ReceiptUnreadable Code = "receipt.unreadable"
	ReceiptForeign    Code = "receipt.foreign"
	ReceiptChain      Code = "receipt.chain"
	ReceiptGap        Code = "receipt.gap"
	ReceiptOrphan     Code = "receipt.orphan"
	ReceiptSignature  Code = "receipt.signature"
	SeenMissing       Code = "seen.missing"
	SeenOrphan        Code = "seen.orphan"
	DecisionGap       Code = "decision.gap"

	InlineMissing  Code = "inline.missing"
	InlineDamaged  Code = "inline.damaged"
	InlineOrphan   Code = "inline.orphan"
	ContentMissing Code = "content.missing"
	ContentDamaged Code = "content.damaged"

	QueueGap      Code = "queue.gap"
	QueueOrphan   Code = "queue.orphan"
	QueueExchange Code = "queue.exchange"
	QueueMessage  Code = "queue.message"
	LinkWindow    Code = "link.window"
	LinkEpoch     Code = "link.epoch"
	WaitingOrphan Code = "waiting.orphan"
	WaitingNone   Code = "waiting.missing"
	OfferOrphan   Code = "offer.orphan"
	OfferMissing  Code = "offer.missing"
	ToldOrphan    Code = "told.orphan"

	InboxMissing   Code = "inbox.missing"
	InboxWrong     Code = "inbox.wrong"
	OutboxMissing  Code = "outbox.missing"
	OutboxWrong    Code = "outbox.wrong"
	KeyOrphan      Code = "key.orphan"
	KeyCount       Code = "key.count"
	DeadlineWrong  Code = "deadline.wrong"
	DeadlineOrphan Code = "deadline.orphan"
	LeaseWrong     Code = "lease.wrong"
	HeldWrong      Code = "held.wrong"

	RefMissing Code = "ref.missing"
	RefOrphan  Code = "ref.orphan"
	GoneWrong  Code = "gone.wrong"

	AuditGap      Code = "audit.gap"
	AuditFrontier Code = "audit.frontier"
	AuditOrder    Code = "audit.order"

	StatementHistory  Code = "statement.history"
	StatementRefused  Code = "statement.refused"
	DirectoryMismatch Code = "directory.mismatch"
	TokenMismatch     Code = "token.mismatch"

	ReplicasDiverged     Code = "replicas.diverged"
	ReplicasIncomparable Code = "replicas.incomparable"
	ReplicaSilent        Code = "replica.silent"
	ContentMinority      Code = "content.minority"
	LinkAhead            Code = "link.ahead"
	LinkBehind           Code = "link.behind"
)
