// netpol enforces networking.k8s.io/v1 NetworkPolicies on a single node with
// nftables: every change of a Pod, Namespace or NetworkPolicy writes the whole
// table anew in one transaction. IPv4 only. Traffic from the node itself
// (kubelet probes, port-forward) is never filtered, as Kubernetes asks. It fails
// open until it runs, and a pod's rules follow its address by about 0.1 s.
package main

import (
	"flag"
	"fmt"
	"log"
	"os/exec"
	"sort"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

type world struct {
	pods     []*core.Pod
	ns       map[string]labels.Set
	policies []*netv1.NetworkPolicy
}

func matches(s *meta.LabelSelector, set labels.Set) bool {
	sel, err := meta.LabelSelectorAsSelector(s)
	return err == nil && sel.Matches(set)
}

// peers gives the pods that a peer of a policy in namespace ns selects.
func (w *world) peers(ns string, p netv1.NetworkPolicyPeer) (out []*core.Pod) {
	for _, pod := range w.pods {
		if p.NamespaceSelector != nil && !matches(p.NamespaceSelector, w.ns[pod.Namespace]) ||
			p.NamespaceSelector == nil && pod.Namespace != ns ||
			p.PodSelector != nil && !matches(p.PodSelector, pod.Labels) {
			continue
		}
		out = append(out, pod)
	}
	return
}

// port gives the nft match for a policy port on target ("" matches all); ok is
// false where a named port does not exist on the target.
func port(p netv1.NetworkPolicyPort, target *core.Pod) (string, bool) {
	proto := "tcp"
	if p.Protocol != nil {
		proto = strings.ToLower(string(*p.Protocol))
	}
	switch {
	case p.Port == nil:
		return "meta l4proto " + proto, true
	case p.Port.Type == intstr.Int && p.EndPort != nil:
		return fmt.Sprintf("%s dport %d-%d", proto, p.Port.IntVal, *p.EndPort), true
	case p.Port.Type == intstr.Int:
		return fmt.Sprintf("%s dport %d", proto, p.Port.IntVal), true
	}
	if target != nil {
		for _, c := range target.Spec.Containers {
			for _, cp := range c.Ports {
				if cp.Name == p.Port.StrVal && strings.EqualFold(string(cp.Protocol), proto) {
					return fmt.Sprintf("%s dport %d", proto, cp.ContainerPort), true
				}
			}
		}
	}
	return "", false
}

// rules writes the accepting rules of one policy rule. dir is saddr or daddr:
// the side of the peer. self is the isolated pod.
func (w *world) rules(b *strings.Builder, ns, dir string, self *core.Pod, peers []netv1.NetworkPolicyPeer, ports []netv1.NetworkPolicyPort) {
	line := func(match string, peer *core.Pod) {
		target := self
		if dir == "daddr" {
			target = peer
		}
		if len(ports) == 0 {
			fmt.Fprintf(b, "    %s return\n", match)
		}
		for _, p := range ports {
			if m, ok := port(p, target); ok {
				fmt.Fprintf(b, "    %s %s return\n", match, m)
			}
		}
	}
	if len(peers) == 0 {
		line("", nil)
	}
	for _, p := range peers {
		if p.IPBlock != nil {
			// The cluster has no IPv6; nft would refuse the whole table for one such rule.
			if strings.Contains(p.IPBlock.CIDR, ":") {
				continue
			}
			m := fmt.Sprintf("ip %s %s", dir, p.IPBlock.CIDR)
			if len(p.IPBlock.Except) > 0 {
				m += fmt.Sprintf(" ip %s != { %s }", dir, strings.Join(p.IPBlock.Except, ", "))
			}
			line(m, nil)
			continue
		}
		for _, pod := range w.peers(ns, p) {
			line(fmt.Sprintf("ip %s %s", dir, pod.Status.PodIP), pod)
		}
	}
}

func (w *world) render() string {
	var chains, in, out strings.Builder
	for _, pod := range w.pods {
		name := strings.ReplaceAll(pod.Status.PodIP, ".", "_")
		var ing, eg strings.Builder
		hasIn, hasOut := false, false
		for _, np := range w.policies {
			if np.Namespace != pod.Namespace || !matches(&np.Spec.PodSelector, pod.Labels) {
				continue
			}
			for _, t := range np.Spec.PolicyTypes {
				if t == netv1.PolicyTypeIngress {
					hasIn = true
					for _, r := range np.Spec.Ingress {
						w.rules(&ing, np.Namespace, "saddr", pod, r.From, r.Ports)
					}
				} else {
					hasOut = true
					for _, r := range np.Spec.Egress {
						w.rules(&eg, np.Namespace, "daddr", pod, r.To, r.Ports)
					}
				}
			}
		}
		if hasIn {
			fmt.Fprintf(&chains, "  chain i_%s { # %s/%s\n%s    drop\n  }\n", name, pod.Namespace, pod.Name, ing.String())
			fmt.Fprintf(&in, "    ip daddr %s jump i_%s\n", pod.Status.PodIP, name)
		}
		if hasOut {
			fmt.Fprintf(&chains, "  chain e_%s { # %s/%s\n%s    drop\n  }\n", name, pod.Namespace, pod.Name, eg.String())
			fmt.Fprintf(&out, "    ip saddr %s jump e_%s\n", pod.Status.PodIP, name)
		}
	}
	return "table ip local-netpol\ndelete table ip local-netpol\ntable ip local-netpol {\n" + chains.String() +
		"  chain forward {\n    type filter hook forward priority filter; policy accept;\n    ct state established,related accept\n" + out.String() + in.String() + "  }\n" +
		"  chain input {\n    type filter hook input priority filter; policy accept;\n    ct state established,related accept\n" + out.String() + "  }\n}\n"
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "")
	flag.Parse()
	cfg, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	f := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(cfg), 0)
	pods, nss, nps := f.Core().V1().Pods(), f.Core().V1().Namespaces(), f.Networking().V1().NetworkPolicies()
	kick := make(chan struct{}, 1)
	poke := func() {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
	h := cache.ResourceEventHandlerFuncs{AddFunc: func(any) { poke() }, UpdateFunc: func(_, _ any) { poke() }, DeleteFunc: func(any) { poke() }}
	for _, i := range []cache.SharedIndexInformer{pods.Informer(), nss.Informer(), nps.Informer()} {
		i.AddEventHandler(h)
	}
	f.Start(nil)
	f.WaitForCacheSync(nil)
	last := ""
	for poke(); ; {
		<-kick
		w := world{ns: map[string]labels.Set{}}
		all, _ := pods.Lister().List(labels.Everything())
		for _, p := range all {
			if p.Status.PodIP != "" && !p.Spec.HostNetwork && p.Status.Phase != core.PodSucceeded && p.Status.Phase != core.PodFailed {
				w.pods = append(w.pods, p)
			}
		}
		sort.Slice(w.pods, func(i, j int) bool { return w.pods[i].Status.PodIP < w.pods[j].Status.PodIP })
		n, _ := nss.Lister().List(labels.Everything())
		for _, x := range n {
			w.ns[x.Name] = x.Labels
		}
		w.policies, _ = nps.Lister().List(labels.Everything())
		sort.Slice(w.policies, func(i, j int) bool { return w.policies[i].UID < w.policies[j].UID })
		if text := w.render(); text != last {
			c := exec.Command("nft", "-f", "-")
			c.Stdin = strings.NewReader(text)
			if msg, err := c.CombinedOutput(); err != nil {
				log.Printf("nft: %v: %s\n%s", err, msg, text)
				time.Sleep(time.Second)
				poke()
				continue
			}
			last = text
			log.Printf("applied %d policies to %d pods", len(w.policies), len(w.pods))
		}
		time.Sleep(100 * time.Millisecond)
	}
}
