package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

const prepareHelp = `Prepare a new replica of the domains that a node hosts.

Run it where that node's folder is; the node may run meanwhile. It makes a folder
for the new machine: a key store of its own with the domain's keys, keys of the
replica, and node.yaml. Move the folder to the new machine over a way you would
trust with the domain's keys, run it there, and then "yizhan cluster join".

--trial names the directory of a trial federation, whose authority issues the
certificates. Without it two requests are written for each domain, for the
government's own authority; "yizhan init import-certificates" installs what comes
back, and api.pem and api.key have to be put into the folder.

The name must be fresh: a replica never comes back under an old one.`

func newPrepareCommand(a *app) *cobra.Command {
	var p founding.Prepare
	var replica string
	var domains []string
	c := &cobra.Command{
		Use: "prepare --from node.yaml --replica NAME --host HOST --dir DIR", Short: "Make the folder of a new replica", Long: prepareHelp,
		Example: "  yizhan cluster prepare --from trial/nodes/county-1/node.yaml --replica county-4 --host 10.0.0.4 --port 7443 --dir county-4 --trial trial",
		Args:    cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&p.From, "from", "", "node.yaml `FILE` of a replica that the domain has")
	f.StringVar(&replica, "replica", "", "fresh `NAME`")
	f.StringVar(&p.Host, "host", "", "`HOST` where it will run, as the others reach it")
	f.IntVar(&p.Port, "port", 0, "first of three `PORT`s: API, peers, links; 0 chooses free ones on this machine")
	f.StringVar(&p.Dir, "dir", "", "`DIRECTORY` to make")
	f.StringVar(&p.Trial, "trial", "", "`DIRECTORY` of the trial federation whose authority issues the certificates")
	f.StringArrayVar(&domains, "domain", nil, "`DOMAIN`, again for more; all that the node hosts when left out")
	for _, name := range []string{"from", "replica", "host", "dir"} {
		_ = c.MarkFlagRequired(name) // fails only for a flag that does not exist
	}
	c.RunE = func(*cobra.Command, []string) error {
		p.Replica = exchange.Replica(replica)
		for _, d := range domains {
			p.Domains = append(p.Domains, exchange.Domain(d))
		}
		out, err := founding.PrepareReplica(p)
		if err != nil {
			return err
		}
		return a.print(out, func(w io.Writer) { printPrepared(w, out) })
	}
	return c
}

func printPrepared(w io.Writer, p *founding.Prepared) {
	_, _ = fmt.Fprintf(w, "Prepared (已备好) %s for %s in %s\n", p.Replica, joinDomains(p.Domains), p.Dir)
	for _, r := range p.Requests {
		_, _ = fmt.Fprintf(w, "  request for the authority: %s\n", r)
	}
	_, _ = fmt.Fprintln(w, "Next:")
	if len(p.Requests) > 0 {
		_, _ = fmt.Fprintln(w, "  have the requests answered, install them with \"yizhan init import-certificates\", and put api.pem and api.key beside node.yaml")
	}
	_, _ = fmt.Fprintf(w, "  yizhan run --config %s        # on the new machine\n", p.Config)
	for _, d := range p.Domains {
		_, _ = fmt.Fprintf(w, "  yizhan cluster join --replica %s --address %s --wait        # as an administrator of %s\n", p.Replica, p.Address, d)
	}
}

func joinDomains(domains []exchange.Domain) string {
	out := ""
	for i, d := range domains {
		if i > 0 {
			out += ", "
		}
		out += string(d)
	}
	return out
}
