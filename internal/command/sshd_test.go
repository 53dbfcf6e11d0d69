package command_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"drover/internal/command"
)

// server is an ssh server on loopback that the real ssh command talks to. It
// runs what it is told in a shell, as sshd does.
type server struct {
	listener net.Listener
	config   *ssh.ServerConfig
	mutex    sync.Mutex
	open     []net.Conn
}

// sshHost starts a server and returns how to reach it.
func sshHost(t *testing.T) (*server, command.SSHConfig) {
	t.Helper()
	dir := t.TempDir()
	_, hostKey := newKey(t)
	clientPublic, clientKey := newKey(t)
	block, err := ssh.MarshalPrivateKey(clientKey, "")
	if err != nil {
		t.Fatal(err)
	}
	identity := filepath.Join(dir, "id")
	if err := os.WriteFile(identity, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(hostKey)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(clientPublic.Marshal()) {
			return nil, errors.New("not the key of the test")
		}
		return nil, nil
	}}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{listener: listener, config: config}
	t.Cleanup(s.close)
	go s.serve()
	known := filepath.Join(dir, "known_hosts")
	line := knownhosts.Line([]string{knownhosts.Normalize(listener.Addr().String())}, signer.PublicKey())
	if err := os.WriteFile(known, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return s, command.SSHConfig{
		Destination: "drover@127.0.0.1", Port: number, IdentityFile: identity, KnownHostsFile: known, Dir: filepath.Join(dir, "jobs"),
	}
}

func newKey(t *testing.T) (ssh.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, private
}

// close ends the server and every connection, as a broken network would.
func (s *server) close() {
	s.listener.Close()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, conn := range s.open {
		conn.Close()
	}
}

func (s *server) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mutex.Lock()
		s.open = append(s.open, conn)
		s.mutex.Unlock()
		go s.handle(conn)
	}
}

func (s *server) handle(conn net.Conn) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for wanted := range channels {
		channel, requests, err := wanted.Accept()
		if err != nil {
			return
		}
		go session(channel, requests)
	}
}

// session runs the one command of a session.
func session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for request := range requests {
		if request.Type != "exec" {
			if request.Reply(false, nil) != nil {
				return
			}
			continue
		}
		if request.Reply(true, nil) != nil {
			return
		}
		line := request.Payload[4:] // after its length
		cmd := exec.Command("sh", "-c", string(line))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = channel, channel, channel.Stderr()
		code := uint32(0)
		if err := cmd.Run(); err != nil {
			code = uint32(max(cmd.ProcessState.ExitCode(), 1))
		}
		status := binary.BigEndian.AppendUint32(nil, code)
		if _, err := channel.SendRequest("exit-status", false, status); err != nil {
			return
		}
		return
	}
}
