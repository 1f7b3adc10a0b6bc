# shellcheck shell=bash
# The cluster's keys and certificates, and a kubeconfig for each client. A key
# is in place before its certificate, and either only when whole: an interrupted
# run is completed by the next.

new_key() { # name
  openssl ecparam -name prime256v1 -genkey -noout | write_file "$PKI/$1.key" 600
}
new_authority() { # name
  [[ ! -s $PKI/$1.crt ]] || return 0
  new_key "$1"
  openssl req -x509 -key "$PKI/$1.key" -days 3650 -subj "/CN=$1" 2>/dev/null | write_file "$PKI/$1.crt"
}
new_certificate() { # authority name subject usage [alternative names]
  local authority=$1 name=$2 subject=$3 usage=$4 names=${5:-}
  [[ ! -s $PKI/$name.crt ]] || return 0
  new_key "$name"
  openssl req -new -key "$PKI/$name.key" -subj "$subject" 2>/dev/null |
    openssl x509 -req -CA "$PKI/$authority.crt" -CAkey "$PKI/$authority.key" -days 3650 \
      -set_serial "0x$(openssl rand -hex 16)" -extfile <(
        echo "basicConstraints=critical,CA:FALSE"
        echo "keyUsage=critical,digitalSignature"
        echo "extendedKeyUsage=$usage"
        [[ -z $names ]] || echo "subjectAltName=$names"
      ) 2>/dev/null | write_file "$PKI/$name.crt"
}
make_pki() {
  local both=serverAuth,clientAuth api=DNS:kubernetes name
  new_authority ca
  new_authority etcd-ca
  new_authority front-proxy-ca
  new_certificate etcd-ca etcd /CN=etcd $both "IP:$IP"
  new_certificate etcd-ca etcd-client /CN=kube-apiserver clientAuth
  new_certificate front-proxy-ca front-proxy-client /CN=front-proxy-client clientAuth
  for name in kubernetes.default kubernetes.default.svc "kubernetes.default.svc.$DOMAIN" localhost; do api+=,DNS:$name; done
  new_certificate ca apiserver /CN=kube-apiserver serverAuth "IP:$IP,IP:$API_SERVICE,$api"
  new_certificate ca apiserver-kubelet-client /CN=apiserver-kubelet-client clientAuth
  new_certificate ca kubelet "/O=system:nodes/CN=system:node:$NODE" $both "IP:$IP,DNS:$NODE"
  for name in kube-controller-manager kube-scheduler kube-proxy; do
    new_certificate ca $name "/CN=system:$name" clientAuth
  done
  new_certificate ca netpol /CN=local:netpol clientAuth
  new_certificate ca admin /O=system:masters/CN=admin clientAuth
  [[ -s $PKI/service-accounts.key ]] || new_key service-accounts
  openssl ec -in "$PKI/service-accounts.key" -pubout 2>/dev/null | write_file "$PKI/service-accounts.pub"
}
new_kubeconfig() { # name path
  [[ ! -s $2 ]] || return 0
  write_file "$2" 600 <<EOT
apiVersion: v1
kind: Config
clusters: [{name: $NAME, cluster: {server: "https://$IP:6443", certificate-authority-data: $(base64 -w0 <"$PKI/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 <"$PKI/$1.crt"), client-key-data: $(base64 -w0 <"$PKI/$1.key")}}]
contexts: [{name: $NAME, context: {cluster: $NAME, user: $1}}]
current-context: $NAME
EOT
}
make_kubeconfigs() {
  local name
  for name in kubelet kube-controller-manager kube-scheduler kube-proxy netpol; do new_kubeconfig $name "$CLIENTS/$name.conf"; done
  new_kubeconfig admin "$KUBECONFIG_FILE"
  [[ -z ${SUDO_UID:-} ]] || chown "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$KUBECONFIG_FILE"
}
