package config

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"drover/internal/command"
)

// Hadoop says where Hadoop's own commands run, and as what machine: for
// runbooks that hand a copy to distcp, and for the difference of snapshots where
// the NameNode answers no call for it.
type Hadoop struct {
	// Bin is the directory of the commands hadoop, mapred and hdfs on that machine.
	// Empty: they are on the account's PATH.
	Bin string `yaml:"bin"`
	// Env holds variables for them, such as HADOOP_CONF_DIR. Everybody on that
	// machine may read them: names that stand for secrets are refused.
	// HADOOP_USER_NAME is by default who drover is on the target's HDFS for
	// distcp, and on the site's own for hdfs snapshotDiff.
	Env map[string]string `yaml:"env"`
	// SSH says how to get to the machine. Without it the commands run on the
	// machine of the worker; that is for one worker for each copy queue, because
	// another could not find again what was started.
	SSH SSH `yaml:"ssh"`
}

// SSH says how to reach a machine with the ssh command, which asks nothing: the
// host's key is known and the login needs no password.
type SSH struct {
	// Host is host or user@host.
	Host string `yaml:"host"`
	// Port defaults to 22.
	Port int `yaml:"port"`
	// IdentityFile is the path of the private key. Empty: what the account's
	// own ssh configuration says.
	IdentityFile string `yaml:"identityFile"`
	// KnownHostsFile is where the host's key is. Empty: the account's own.
	KnownHostsFile string `yaml:"knownHostsFile"`
	// Dir is a directory on that machine, absolute, for what is started there.
	Dir string `yaml:"dir"`
}

func (h *Hadoop) complete(dir string) {
	h.SSH.IdentityFile = within(dir, h.SSH.IdentityFile)
	h.SSH.KnownHostsFile = within(dir, h.SSH.KnownHostsFile)
}

func (h Hadoop) problems() []error {
	var problems []error
	if h.Bin != "" && !path.IsAbs(h.Bin) {
		problems = append(problems, fmt.Errorf("hadoop.bin %q: write an absolute path", h.Bin))
	}
	var secrets []string
	for name := range h.Env {
		if command.Secret(name) {
			secrets = append(secrets, name)
		}
	}
	slices.Sort(secrets)
	for _, name := range secrets {
		problems = append(problems, fmt.Errorf("hadoop.env.%s stands for a secret, and everybody on the machine could read it: put it into a Hadoop credential provider", name))
	}
	if h.SSH == (SSH{}) {
		return problems
	}
	if h.SSH.Host == "" {
		problems = append(problems, errors.New("hadoop.ssh.host is missing: write host or user@host"))
	}
	if !path.IsAbs(h.SSH.Dir) {
		problems = append(problems, fmt.Errorf("hadoop.ssh.dir %q: write a directory of that machine, an absolute path, that the login may write to", h.SSH.Dir))
	}
	return problems
}
