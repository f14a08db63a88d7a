package main

import (
	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/node/founding"
)

const initHelp = `Make a trial federation (试验联邦) in a directory: keys, certificates, directory,
policy and tokens, and for each node everything it needs to run.

The federation is the one that --federation declares, else a sample of a province,
a city and a county. --print-sample prints the sample, to start from. A directory
that holds a federation already is left as it is and described again.

In the topology separate each domain has its own nodes; in joint each node hosts a
replica of every domain, and so holds every domain's keys.

The authority is for trials: production takes certificates of the government's own.`

type initFlags struct {
	federation, dir, topology string
	basePort                  int
	printSample               bool
}

func newInitCommand(a *app) *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use: "init", Short: "Make a trial federation", Long: initHelp,
		Example: "  yizhan init --dir trial\n  yizhan init --print-sample > federation.yaml\n  yizhan init --federation federation.yaml --dir trial --topology joint",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.makeFederation(f, cmd.Flags().Changed("base-port"))
		},
	}
	c.Flags().StringVar(&f.federation, "federation", "", "declaration `FILE`; the sample when left out")
	c.Flags().StringVar(&f.dir, "dir", "trial", "`DIRECTORY` to make it in")
	c.Flags().StringVar(&f.topology, "topology", "", "separate or joint; as declared when left out")
	c.Flags().IntVar(&f.basePort, "base-port", 0, "first `PORT`, ten for each node; 0 chooses free ones; as declared when left out")
	c.Flags().BoolVar(&f.printSample, "print-sample", false, "print the sample declaration and make nothing")
	c.AddCommand(newImportCommand(a))
	return c
}

func (a *app) makeFederation(f initFlags, portGiven bool) error {
	declared := founding.Sample()
	if f.federation != "" {
		var err error
		if declared, err = founding.LoadFederation(f.federation); err != nil {
			return err
		}
	}
	if f.topology != "" {
		declared.Topology = founding.Topology(f.topology)
	}
	if portGiven {
		declared.BasePort = f.basePort
	}
	if f.printSample {
		text, err := declared.Encode()
		if err == nil {
			_, err = a.stdout.Write(text)
		}
		return err
	}
	t, made, err := founding.MakeOrOpen(declared, f.dir)
	if err != nil {
		return err
	}
	v, err := describeTrial(t, made)
	if err != nil {
		return err
	}
	return a.print(v, v.people)
}
