# The steps of .ci/run. Each is a function step_NAME that fails when something
# does not hold. A function is called where bash ignores "set -e", so steps
# join their commands with && or return.

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
main=./node/cmd/yizhan

# Rooms where goroutines meet; the others are pure or nearly so.
concurrent=(
  ./crypto/channel ./crypto/sm ./crypto/seal
  ./exchange/client ./exchange/pipeline
  ./node/api/... ./node/content ./node/link ./node/raftnode/... ./node/replica ./node/store
  ./policy
)

# step_tools installs what tests call besides Go, where it is missing.
step_tools() {
  go version
  local missing=()
  command -v openssl >/dev/null || missing+=(openssl)
  command -v ip >/dev/null || missing+=(iproute2)
  command -v gcc >/dev/null || missing+=(gcc libc6-dev) # the race detector needs it
  command -v readelf >/dev/null || missing+=(binutils)
  ((${#missing[@]})) || return 0
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

step_vet() { go vet ./...; }

step_format() {
  local unformatted
  unformatted=$(gofmt -l crypto exchange node policy proto) || return 1
  [[ -z $unformatted ]] || { echo "run gofmt on: $unformatted"; return 1; }
}

step_analyse() { go run "$staticcheck" ./...; }

# step_generated makes the code from the .proto files again and compares. The
# compiler's version stands in a comment and may differ.
step_generated() {
  command -v protoc >/dev/null || { echo "protoc is not installed: not compared"; return 0; }
  local out=$scratch/generated plugins=$scratch/plugins module=github.com/yizhan-exchange/yizhan
  mkdir -p "$out" &&
    GOBIN=$plugins go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12 &&
    GOBIN=$plugins go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2 &&
    PATH=$plugins:$PATH protoc -I proto --go_out="$out" --go_opt=module=$module \
      --go-grpc_out="$out" --go-grpc_opt=module=$module proto/yizhan/v1/*.proto || return 1
  local made
  for made in "$out"/proto/yizhan/v1/*.go; do
    diff -I '^// .*protoc ' "$made" "${made#"$out/"}" || { echo "run: go generate ./proto"; return 1; }
  done
}

# step_corrupt proves that the power-on self-test can fail.
step_corrupt() { go test -tags selftest_corrupt ./crypto/sm; }

# step_clock proves that the clock which fault tests set wrong is the one a node
# asks.
step_clock() { go test -tags testclock -run Clock ./node; }

step_race() { go test -race -shuffle=on -timeout 15m "${concurrent[@]}"; }

# step_builds makes the released binaries and sees that nothing is linked in at
# run time.
step_builds() {
  local arch binary
  for arch in amd64 arm64 loong64; do
    binary=$scratch/yizhan-$arch
    CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -ldflags '-s -w' -o "$binary" $main || return 1
    if readelf -d "$binary" 2>/dev/null | grep NEEDED; then
      echo "linux/$arch is not static"
      return 1
    fi
    echo "linux/$arch: $(du -h "$binary" | cut -f1), static"
  done
}

# out_of_time tells whether fuzzing failed for no reason but that its time ended
# in the middle of an input: a race in the go command that busy machines meet
# (go.dev/issue/75804, fixed in Go 1.27).
out_of_time() { grep -q '^ *context deadline exceeded$' "$1" && ! grep -q 'Failing input' "$1"; }

# step_fuzz gives each fuzz target a few seconds. More is for people:
# go test -fuzz FuzzName -fuzztime 10m ./package
step_fuzz() {
  local file target
  while IFS=: read -r file target; do
    echo "--- ${file%/*} $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime 5s -fuzzminimizetime 100x -parallel 2 "./${file%/*}" >"$scratch/fuzz" 2>&1 ||
      out_of_time "$scratch/fuzz" || { cat "$scratch/fuzz"; return 1; }
    grep -E '^fuzz: elapsed' "$scratch/fuzz" | tail -n 1
  done < <(grep -rEo --include='*_test.go' '^func Fuzz\w+' crypto exchange node policy | sed 's/func //' | sort)
}

step_demo() {
  timeout 600 go run $main demo --once --dir "$scratch/demo"
}

# step_large relays 1 GiB through nine processes; go test ./... relays less.
step_large() {
  go test -tags soak ./node/test -run TestALargeFiling -count=1 -timeout 15m
}

# step_tests is the README's command, and last, so that a log ends with it.
step_tests() { go test ./...; }
