package config_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/node/config"
)

var rewrite = flag.Bool("rewrite", false, "write the configuration reference anew")

// reference says what each key is for, in English and Chinese. The test below
// fails for a key without a line here and for a line without a key.
var reference = []struct{ key, en, zh string }{
	{"node", "name of this process, for logs and status", "本进程名称，用于日志与状态"},
	{"data", "directory of the ledger, the log and the content; relative to this file, as all paths are", "数据目录（账本、日志、内容）；与其他路径一样，相对于本文件"},
	{"crypto.provider", "implementation of SM2, SM3 and SM4: `emmansun` or `tjfoc`; the other one checks it at power-on", "国密算法实现：`emmansun` 或 `tjfoc`；另一个用于上电自检互验"},
	{"listen.api", "address for units and persons: gRPC over ordinary TLS", "面向单位与人员的地址：普通 TLS 上的 gRPC"},
	{"listen.peer", "address for replicas of the same domain: Raft, commands, chunks", "同域副本之间的地址：Raft、命令、数据块"},
	{"listen.link", "address for subordinate domains; leave out where there is none", "面向下级交换域的地址；无下级时不填"},
	{"api.certificate", "certificate of `listen.api`, PEM", "`listen.api` 的证书，PEM"},
	{"api.key", "private key of `listen.api`, PEM, mode 0600", "`listen.api` 的私钥，PEM，权限 0600"},
	{"log.level", "`debug`, `info`, `warn` or `error`", "`debug`、`info`、`warn` 或 `error`"},
	{"log.format", "`text` or `json`", "`text` 或 `json`"},
	{"profile", "`default`: TLS 1.3 inside a domain and TLCP between domains; `gm`: TLCP on every plane", "`default`：域内 TLS 1.3，域间 TLCP；`gm`：全部使用 TLCP"},
	{"limits.memory", "what the process aims to stay under; a quarter of it may be taken by the content of submissions", "进程内存目标上限；其中四分之一用于提交中的内容"},
	{"limits.submissions", "submissions open at once; how many of them are worked on is found by measuring; a quarter is kept for 特急", "同时进行的提交数上限；实际并行数由系统测定；四分之一留给特急"},
	{"limits.most_urgent", "特急 of one unit a minute that go before the others; what is beyond waits with them; 0: none goes first", "每单位每分钟可优先的特急件数；超出部分与平件一同排队；0 表示不优先"},
	{"limits.readers", "downloads at once, and four times as many watches; one unit has at most a quarter", "同时下载数上限，跟踪数为其四倍；每单位至多占四分之一"},
	{"limits.connections", "connections to `listen.api` at once; one address has at most half", "`listen.api` 的并发连接上限；每个地址至多占一半"},
	{"domains[].domain", "division code of a hosted domain, in quotes", "所承载交换域的行政区划代码，加引号"},
	{"domains[].replica", "name of this replica; the one in its certificate", "本副本名称，与证书一致"},
	{"domains[].keys", "directory of the key store; one for each domain", "密钥库目录，每域一个"},
	{"domains[].unlock.key_file", "file that opens the key store, 32 random bytes, mode 0600; keep it on other media", "打开密钥库的密钥文件，32 字节随机数，权限 0600；宜存于其他介质"},
	{"domains[].unlock.passphrase_file", "file with the passphrase that opens the key store, mode 0600; exactly one of the two", "打开密钥库的口令文件，权限 0600；二者必填其一"},
	{"domains[].anchor", "trust anchor of the federation", "联邦信任锚"},
	{"domains[].founding", "founding file, read once when the domain is founded; leave out for a replica that joins later", "创建文件，仅在建域时读取一次；后加入的副本不填"},
	{"domains[].replicas[].name", "name of a founding member; this one must be among them", "创始成员名称，须包含本副本"},
	{"domains[].replicas[].address", "its `listen.peer` as the others reach it", "其他副本访问该成员 `listen.peer` 的地址"},
	{"domains[].superior.domain", "division code of the superior; leave `superior` out at the top", "上级交换域代码；最高级不填 `superior`"},
	{"domains[].superior.endpoints[]", "`listen.link` of each replica of the superior; this domain always dials", "上级各副本 `listen.link` 的地址；总是由下级发起连接"},
	{"domains[].superior.channel", "`tlcp` (GB/T 38636) or `tls`; as the superior says in `subordinates`", "`tlcp`（GB/T 38636）或 `tls`；与上级 `subordinates` 一致"},
	{"domains[].superior.retry.first", "first wait after a failed attempt, doubled per failure once the link has been down for 30 s, with full jitter", "首次重试等待，链路中断满 30 秒后每次失败加倍，带随机抖动"},
	{"domains[].superior.retry.ceiling", "longest wait between attempts", "最长重试等待"},
	{"domains[].superior.bandwidth[].from", "hour of the day at which a cap on content begins, 0 to 23", "限速起始小时，0 至 23"},
	{"domains[].superior.bandwidth[].to", "hour at which it ends, exclusive, 0 to 24; a window may pass midnight", "限速结束小时（不含），0 至 24；可跨午夜"},
	{"domains[].superior.bandwidth[].bytes_per_second", "the cap; 0 stops content until the window ends, messages still pass", "限速值；0 表示该时段暂停传输内容，消息不受影响"},
	{"domains[].subordinates.channel", "`tlcp` or `tls`; how children reach `listen.link`; leave `subordinates` out where there is none", "`tlcp` 或 `tls`；下级访问 `listen.link` 的方式；无下级时不填 `subordinates`"},
	{"domains[].limits.content", "most bytes of one exchange, all files together; at most 4GiB", "单次交换全部文件的字节上限；不超过 4GiB"},
	{"domains[].limits.files", "most files of one exchange; at most 64", "单次交换的文件数上限；不超过 64"},
	{"domains[].limits.recipients", "most recipients of one exchange; at most 512", "单次交换的接收单位上限；不超过 512"},
	{"domains[].limits.expiry", "how long a delivery may wait before it expires", "投递等待的最长期限，逾期作过期处理"},
	{"domains[].limits.delay", "how long the next station may take to accept an exchange before its sender is told of a delay", "下一站多久未收存即向发送方提示迟延"},
	{"domains[].limits.bounce", "how long it may take before whoever passed it on gives it up (bounced); at least 1h", "下一站多久未收存即由转出方作无法投递处理；不少于 1h"},
	{"domains[].limits.scrub", "bytes a second of stored content that are read again in the background, to find and mend flipped bits", "后台复读已存内容的速率（字节/秒），用于发现并修复位翻转"},
	{"domains[].limits.free_disk", "bytes of the disk that content leaves free; below it nothing is taken in", "内容存储须保留的磁盘空间；低于此值不再接收"},
	{"domains[].limits.catch_up", "bytes a second of the ledger that is sent to a replica that is new or lags too far; less spares disk and line, more shortens the time in which the sender keeps its log; at least 1MiB", "向新副本或落后过多的副本发送账本时每秒的字节数；小则少占磁盘和线路，大则缩短发送方保留日志的时间；不少于 1MiB"},
	{"domains[].backup_key", "public half of the offline pair that opens backups, made by `yizhan cluster backup-key`; without it no backup is made", "备份公钥文件，由 `yizhan cluster backup-key` 生成，私钥离线保存；不填则不能备份"},
	{"domains[].retention.documents", "how long a document is kept after its last delivery ended; at least 184d", "公文办结后的留存期；不少于 184d"},
	{"domains[].retention.cases", "the same for cases", "办件办结后的留存期；不少于 184d"},
	{"domains[].retention.others", "the same for queries and what else there is", "查询等其他交换的留存期；不少于 184d"},
	{"domains[].retention.duplicates", "how long a repetition is noticed after its exchange was deleted", "删除后仍能识别重复的期限"},
	{"domains[].heartbeat", "how long a replica waits to hear of its leader before it asks for an election; longer over slow networks", "未收到主副本消息多久后发起选举；慢速网络宜加长"},
}

var pages = []struct {
	path, intro string
	head        string
	text        func(en, zh string) string
}{
	{"../../deploy/docs/configuration.md", `# Configuration of a node

A node reads one file, ` + "`node.yaml`" + `, named by ` + "`yizhan run --config`" + `. It is read
strictly: an unknown key, a value out of range or two settings that contradict
each other keep the node from starting, and everything wrong is told at once with
its line. What is left out has the default below; a dash means that there is none.

Durations are written ` + "`500ms`, `2s`, `15m`, `1h30m`, `30d`" + `, sizes in bytes or
` + "`512KiB`, `64MiB`, `4GiB`" + `. ` + "`[]`" + ` marks the items of a list.
`, "| key | default | meaning |", func(en, _ string) string { return en }},
	{"../../deploy/docs/zh/配置.md", `# 节点配置

节点读取一个文件 ` + "`node.yaml`" + `，由 ` + "`yizhan run --config`" + ` 指定。读取是严格的：未知的键、
超出范围的取值、相互矛盾的设置都会使节点拒绝启动，并一次列出全部问题及其行号。
未填写的键取下表默认值；短横表示没有默认值。

时长写作 ` + "`500ms`、`2s`、`15m`、`1h30m`、`30d`" + `；大小写作字节数或
` + "`512KiB`、`64MiB`、`4GiB`" + `。` + "`[]`" + ` 表示列表中的各项。
`, "| 键 | 默认值 | 含义 |", func(_, zh string) string { return zh }},
}

func TestTheReferenceIsInStepWithTheKeys(t *testing.T) {
	defaults := map[string]string{}
	var order []string
	keys(reflect.TypeFor[config.Node](), "", func(key, def string) {
		order = append(order, key)
		defaults[key] = def
	})
	var listed []string
	for _, r := range reference {
		listed = append(listed, r.key)
	}
	if !reflect.DeepEqual(order, listed) {
		t.Fatalf("keys:\n%s\nreference:\n%s", strings.Join(order, "\n"), strings.Join(listed, "\n"))
	}
	for _, p := range pages {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s\n%s\n|---|---|---|\n", p.intro, p.head)
		for _, r := range reference {
			def := "–"
			if d := defaults[r.key]; d != "" {
				def = "`" + d + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.key, def, p.text(r.en, r.zh))
		}
		fmt.Fprintf(&b, "\n```yaml\n%s```\n", full)
		compare(t, p.path, b.Bytes())
	}
}

func compare(t *testing.T, path string, want []byte) {
	t.Helper()
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not in step with the keys (%v); run go test ./node/config -rewrite", path, err)
	}
}

// keys calls fn with every key that holds a value, and its default.
func keys(t reflect.Type, key string, fn func(key, def string)) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key != "" {
			name = key + "." + name
		}
		ft := f.Type
		if ft.Kind() == reflect.Slice {
			name += "[]"
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Struct {
			keys(ft, name, fn)
		} else {
			fn(name, f.Tag.Get("default"))
		}
	}
}
