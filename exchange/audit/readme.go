package audit

import "fmt"

// readmeText is for whoever finds the file without the program. The commands
// are those of deploy/docs/evidence.md; a test runs them.
const readmeText = `驿站交换证据 / Yizhan exchange evidence
交换编号 / exchange: %[1]s
来文交换域 / origin:  %[2]s

这是什么：一次公文（办件）交换的全部证明材料。每份声明有三个文件：
.bin 为签名所覆盖的原始字节，.sig 为 SM2 签名（DER），.key 为签名密钥标识。
What this is: everything that proves one exchange. Each statement is three files:
.bin the bytes that were signed, .sig the SM2 signature (DER), .key the key's id.

完整核验（只需信任锚）/ To check everything, with the trust anchor alone:

  yizhan evidence verify FILE

用 OpenSSL 3 核验其中一个签名 / To check one signature with OpenSSL 3:

  openssl x509 -in certificates/%[2]s-sign.pem -pubkey -noout > signer.pem
  openssl pkeyutl -verify -rawin -digest sm3 -pkeyopt distid:1234567812345678 \
    -pubin -inkey signer.pem -in manifest.bin -sigfile manifest.sig

index.json 列出其余条目及其 SM3 摘要；它未签名，本身不证明任何事。
index.json lists all other entries with their SM3 digests; it is not signed and proves nothing.
格式说明 / The format: deploy/docs/evidence.md
`

func (x *exporter) readme() error {
	return x.put(nameReadme, fmt.Appendf(nil, readmeText, x.manifest.ID, x.manifest.From.Domain()))
}
