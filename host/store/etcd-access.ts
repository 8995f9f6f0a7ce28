/** How an etcd is reached. */
export interface EtcdAccess {
  /** One for each member: `https://10.0.0.1:2379`, `http://…`, or without the scheme, which means http. */
  readonly endpoints: readonly string[];
  /** PEM. Of `https` endpoints only. */
  readonly tls?: EtcdTls;
  /** Absent: no password is shown, as with an etcd without `auth enable`. */
  readonly user?: { readonly name: string; readonly password: string };
}

export interface EtcdTls {
  /** The authority that signed the members' certificates; absent: those the system trusts. */
  readonly ca?: string;
  /** What is shown to an etcd that asks for a certificate (`--client-cert-auth`); both or neither. */
  readonly cert?: string;
  readonly key?: string;
}
