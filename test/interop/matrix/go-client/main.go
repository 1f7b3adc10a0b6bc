// Command go-client does one operation of the matrix with golang.org/x/crypto/ssh:
//
//	go-client JSON (see clients/scripted.ts)
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

type hop struct {
	Host, User, Name, HostKey, Authority string
	Port                                 int
}

type step struct {
	After, Type, Signal string
	Resize              []int
}

type terminal struct {
	Rows, Columns int
	Steps         []step
}

type operation struct {
	Do, Kind, Host string
	Path           string
	Command        *string
	Env            map[string]string
	Rekey          bool
	Terminal       *terminal
	Steps          []step
	Count, Port    int
	Listen, To     int
}

type job struct {
	Hops             []hop
	Key, Certificate string
	Agent            bool
	Operation        operation
}

func main() {
	var j job
	if err := json.Unmarshal([]byte(os.Args[1]), &j); err != nil {
		fail(err)
	}
	client, err := connect(j)
	if err != nil {
		fail(err)
	}
	if j.Agent {
		if err := agent.ForwardToRemote(client, os.Getenv("SSH_AUTH_SOCK")); err != nil {
			fail(err)
		}
	}
	do := map[string]func(*ssh.Client, job) error{
		"session": session, "sessions": sessions, "dial": dial, "forward": forward, "sftp": sftp,
	}[j.Operation.Do]
	if err := do(client, j); err != nil {
		fail(err)
	}
}

// fail ends the program as ssh would: with the remote exit code, or 254 for our own failures.
func fail(err error) {
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		if exit.Signal() != "" {
			fmt.Fprintln(os.Stderr, "exit-signal:", exit.Signal())
			os.Exit(255)
		}
		os.Exit(exit.ExitStatus())
	}
	fmt.Fprintln(os.Stderr, "go:", err)
	os.Exit(254)
}

func signer(j job) (ssh.Signer, error) {
	pem, err := os.ReadFile(j.Key)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(pem)
	if err != nil || j.Certificate == "" {
		return key, err
	}
	line, err := os.ReadFile(j.Certificate)
	if err != nil {
		return nil, err
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		return nil, err
	}
	certificate, ok := public.(*ssh.Certificate)
	if !ok {
		return nil, errors.New("not a certificate")
	}
	return ssh.NewCertSigner(certificate, key)
}

// hostKey checks the host's certificate where an authority is known, and its key elsewhere.
func hostKey(h hop) (ssh.HostKeyCallback, error) {
	line := h.HostKey
	if h.Authority != "" {
		line = h.Authority
	}
	known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, err
	}
	if h.Authority == "" {
		return ssh.FixedHostKey(known), nil
	}
	checker := &ssh.CertChecker{IsHostAuthority: func(authority ssh.PublicKey, _ string) bool {
		return bytes.Equal(authority.Marshal(), known.Marshal())
	}}
	return func(_ string, remote net.Addr, key ssh.PublicKey) error {
		return checker.CheckHostKey(net.JoinHostPort(h.Name, "22"), remote, key)
	}, nil
}

func connect(j job) (*ssh.Client, error) {
	key, err := signer(j)
	if err != nil {
		return nil, err
	}
	var client *ssh.Client
	for _, h := range j.Hops {
		check, err := hostKey(h)
		if err != nil {
			return nil, err
		}
		config := &ssh.ClientConfig{
			User: h.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: check, Timeout: 10 * time.Second,
		}
		if j.Operation.Rekey {
			config.RekeyThreshold = 1 << 20
		}
		address := net.JoinHostPort(h.Host, strconv.Itoa(h.Port))
		dial := net.Dial
		if client != nil {
			dial = client.Dial
		}
		wire, err := dial("tcp", address)
		if err != nil {
			return nil, err
		}
		connection, channels, requests, err := ssh.NewClientConn(wire, address, config)
		if err != nil {
			return nil, err
		}
		client = ssh.NewClient(connection, channels, requests)
	}
	return client, nil
}

func start(client *ssh.Client, j job) (*ssh.Session, error) {
	s, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	if j.Agent {
		if err := agent.RequestAgentForwarding(s); err != nil {
			return nil, err
		}
	}
	for name, value := range j.Operation.Env {
		if err := s.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	if t := j.Operation.Terminal; t != nil {
		if err := s.RequestPty("xterm", t.Rows, t.Columns, ssh.TerminalModes{}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func session(client *ssh.Client, j job) error {
	s, err := start(client, j)
	if err != nil {
		return err
	}
	s.Stderr = os.Stderr
	in, err := s.StdinPipe()
	if err != nil {
		return err
	}
	steps := j.Operation.Steps
	if j.Operation.Terminal != nil {
		steps = j.Operation.Terminal.Steps
	}
	if len(steps) > 0 {
		s.Stdout = &follower{session: s, in: in, steps: steps}
	} else {
		s.Stdout = os.Stdout
		go func() {
			_, _ = io.Copy(in, os.Stdin)
			_ = in.Close()
		}()
	}
	if j.Operation.Command == nil {
		err = s.Shell()
	} else {
		err = s.Start(*j.Operation.Command)
	}
	if err != nil {
		return err
	}
	return s.Wait()
}

// follower prints the output and takes each step once its text has been shown.
type follower struct {
	session *ssh.Session
	in      io.Writer
	shown   []byte
	steps   []step
}

func (f *follower) Write(chunk []byte) (int, error) {
	f.shown = append(f.shown, chunk...)
	for len(f.steps) > 0 {
		next := f.steps[0]
		_, rest, found := bytes.Cut(f.shown, []byte(next.After))
		if !found {
			break
		}
		f.shown, f.steps = rest, f.steps[1:]
		if err := f.take(next); err != nil {
			return 0, err
		}
	}
	return os.Stdout.Write(chunk)
}

func (f *follower) take(next step) error {
	if next.Resize != nil {
		if err := f.session.WindowChange(next.Resize[0], next.Resize[1]); err != nil {
			return err
		}
	}
	if next.Signal != "" {
		if err := f.session.Signal(ssh.Signal(next.Signal)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(f.in, next.Type)
	return err
}

func sessions(client *ssh.Client, j job) error {
	var wait sync.WaitGroup
	failures := make(chan error, j.Operation.Count)
	for range j.Operation.Count {
		wait.Go(func() {
			s, err := start(client, j)
			if err == nil {
				var out []byte
				out, err = s.Output(*j.Operation.Command)
				_, _ = os.Stdout.Write(out)
			}
			failures <- err
		})
	}
	wait.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

func dial(client *ssh.Client, j job) error {
	far, err := client.Dial("tcp", net.JoinHostPort(j.Operation.Host, strconv.Itoa(j.Operation.Port)))
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(far, os.Stdin)
		_ = far.(interface{ CloseWrite() error }).CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, far)
	return err
}

func forward(client *ssh.Client, j job) error {
	from := fmt.Sprintf("127.0.0.1:%d", j.Operation.Listen)
	network, to := "tcp", fmt.Sprintf("127.0.0.1:%d", j.Operation.To)
	if j.Operation.Kind == "socket" {
		network, to = "unix", j.Operation.Path
	}
	listen, dial := net.Listen, client.Dial
	if j.Operation.Kind == "remote" {
		listen, dial = client.Listen, net.Dial
	}
	listener, err := listen("tcp", from)
	if err != nil {
		return err
	}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go join(near, func() (net.Conn, error) { return dial(network, to) })
		}
	}()
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
	return nil
}

func join(near net.Conn, dial func() (net.Conn, error)) {
	defer near.Close()
	far, err := dial()
	if err != nil {
		return
	}
	defer far.Close()
	go func() { _, _ = io.Copy(far, near) }()
	_, _ = io.Copy(near, far)
}

// sftp says hello to the subsystem (SSH_FXP_INIT, answered by SSH_FXP_VERSION): x/crypto/ssh has no client for more.
func sftp(client *ssh.Client, j job) error {
	s, err := start(client, j)
	if err != nil {
		return err
	}
	in, err := s.StdinPipe()
	if err != nil {
		return err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.RequestSubsystem("sftp"); err != nil {
		return err
	}
	if _, err := in.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3}); err != nil {
		return err
	}
	head := make([]byte, 9)
	if _, err := io.ReadFull(out, head); err != nil {
		return err
	}
	fmt.Printf("sftp version %d\n", binary.BigEndian.Uint32(head[5:]))
	return nil
}
