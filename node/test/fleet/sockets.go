package fleet

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// owner tells which process opened the connection that leaves from a local
// port: proc(5), /proc/net/tcp and the files of each process. Whoever is no
// process of the fleet is Client.
func (f *Fleet) owner(port int) string {
	inode := socketInode(port)
	if inode == "" {
		return Client
	}
	f.mu.Lock()
	pids := map[string]int{}
	for name, p := range f.running {
		pids[name] = p.cmd.Process.Pid
	}
	f.mu.Unlock()
	for name, pid := range pids {
		if holds(pid, "socket:["+inode+"]") {
			return name
		}
	}
	return Client
}

// socketInode finds the socket that is bound to a port of 127.0.0.1 and is
// connected.
func socketInode(port int) string {
	file, err := os.Open("/proc/net/tcp")
	if err != nil {
		return ""
	}
	defer file.Close()
	local := fmt.Sprintf("0100007F:%04X", port)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if !strings.Contains(lines.Text(), local) {
			continue
		}
		if fields := strings.Fields(lines.Text()); len(fields) > 9 && fields[1] == local && fields[9] != "0" {
			return fields[9]
		}
	}
	return ""
}

func holds(pid int, socket string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, file := range files {
		if target, err := os.Readlink(dir + "/" + file.Name()); err == nil && target == socket {
			return true
		}
	}
	return false
}
