// A relay of the same shape as the product, as small as one can be written on
// golang.org/x/crypto/ssh: people come in by SSH with a user certificate and ask
// for direct-tcpip; an agent has dialled in by SSH and serves the channels that
// the relay opens to it.
//
//	go-relay proxy <ssh port> <tunnel port> <host key> <user CA>
//	go-relay agent <tunnel port> <target port> <key> <certificate>
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: go-relay proxy|agent <port> <port> <key> <certificate or CA>")
	}
	key := must(ssh.ParsePrivateKey(must(os.ReadFile(os.Args[4]))))
	public, _, _, _, err := ssh.ParseAuthorizedKey(must(os.ReadFile(os.Args[5])))
	if err != nil {
		log.Fatal(err)
	}
	if os.Args[1] == "agent" {
		agent(os.Args[2], os.Args[3], must(ssh.NewCertSigner(public.(*ssh.Certificate), key)))
		return
	}
	relay := &relay{config: serverConfig(key, public)}
	go relay.listen(os.Args[3], relay.tunnelCame)
	relay.listen(os.Args[2], relay.personCame)
}

func serverConfig(hostKey ssh.Signer, ca ssh.PublicKey) *ssh.ServerConfig {
	checker := &ssh.CertChecker{IsUserAuthority: func(key ssh.PublicKey) bool {
		return bytes.Equal(key.Marshal(), ca.Marshal())
	}, SupportedCriticalOptions: []string{}}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		certificate, ok := key.(*ssh.Certificate)
		if !ok || certificate.CertType != ssh.UserCert || !checker.IsUserAuthority(certificate.SignatureKey) || len(certificate.ValidPrincipals) == 0 {
			return nil, errors.New("no user certificate of ours")
		}
		// Like the product, the relay knows people by their certificate and not by the name they log in as.
		return &certificate.Permissions, checker.CheckCert(certificate.ValidPrincipals[0], certificate)
	}}
	config.AddHostKey(hostKey)
	return config
}

type relay struct {
	config *ssh.ServerConfig
	tunnel atomic.Pointer[ssh.ServerConn]
}

func (r *relay) listen(port string, came func(*ssh.ServerConn, <-chan ssh.NewChannel)) {
	listener := must(net.Listen("tcp", "127.0.0.1:"+port))
	fmt.Println("listening", port)
	for {
		socket := must(listener.Accept())
		go func() {
			connection, channels, requests, err := ssh.NewServerConn(socket, r.config)
			if err != nil {
				socket.Close()
				return
			}
			go ssh.DiscardRequests(requests)
			came(connection, channels)
		}()
	}
}

func (r *relay) tunnelCame(connection *ssh.ServerConn, channels <-chan ssh.NewChannel) {
	r.tunnel.Store(connection)
	for channel := range channels {
		channel.Reject(ssh.Prohibited, "a tunnel opens nothing")
	}
}

func (r *relay) personCame(_ *ssh.ServerConn, channels <-chan ssh.NewChannel) {
	for asked := range channels {
		tunnel := r.tunnel.Load()
		if asked.ChannelType() != "direct-tcpip" || tunnel == nil {
			asked.Reject(ssh.Prohibited, "no")
			continue
		}
		go func() {
			far, requests, err := tunnel.OpenChannel("relay", asked.ExtraData())
			if err != nil {
				asked.Reject(ssh.ConnectionFailed, err.Error())
				return
			}
			go ssh.DiscardRequests(requests)
			near, nearRequests, err := asked.Accept()
			if err != nil {
				far.Close()
				return
			}
			go ssh.DiscardRequests(nearRequests)
			splice(near, far)
		}()
	}
}

type closer interface {
	io.ReadWriteCloser
	CloseWrite() error
}

func splice(a, b closer) {
	var both sync.WaitGroup
	one := func(to, from closer) {
		io.Copy(to, from)
		to.CloseWrite()
		both.Done()
	}
	both.Add(2)
	go one(a, b)
	go one(b, a)
	both.Wait()
	a.Close()
	b.Close()
}

func agent(tunnelPort, targetPort string, identity ssh.Signer) {
	config := &ssh.ClientConfig{User: "agent", Auth: []ssh.AuthMethod{ssh.PublicKeys(identity)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	client := must(ssh.Dial("tcp", "127.0.0.1:"+tunnelPort, config))
	for asked := range client.HandleChannelOpen("relay") {
		go func() {
			target, err := net.Dial("tcp", "127.0.0.1:"+targetPort)
			if err != nil {
				asked.Reject(ssh.ConnectionFailed, err.Error())
				return
			}
			channel, requests, err := asked.Accept()
			if err != nil {
				target.Close()
				return
			}
			go ssh.DiscardRequests(requests)
			splice(channel, target.(*net.TCPConn))
		}()
	}
}
