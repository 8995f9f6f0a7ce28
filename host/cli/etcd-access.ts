import { readFileSync } from "node:fs";
import type { EtcdAccess } from "../store/etcd-access.ts";
import { Failure } from "./failure.ts";

/** `etcdAccessFlags`, as commander hands them over. */
export interface EtcdAccessFlags {
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly etcdUser?: string;
  readonly etcdPasswordFile?: string;
}

/** Reads what the flags name. */
export function etcdAccess(flags: EtcdAccessFlags): Omit<EtcdAccess, "endpoints"> {
  const { etcdCafile, etcdCertfile, etcdKeyfile, etcdUser, etcdPasswordFile } = flags;
  if ((etcdCertfile === undefined) !== (etcdKeyfile === undefined))
    throw new Failure("--etcd-certfile and --etcd-keyfile go together");
  if ((etcdUser === undefined) !== (etcdPasswordFile === undefined))
    throw new Failure("--etcd-user and --etcd-password-file go together");
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, "utf8"));
  const tls = { ca: read(etcdCafile), cert: read(etcdCertfile), key: read(etcdKeyfile) };
  return {
    ...(tls.ca === undefined && tls.cert === undefined ? {} : { tls }),
    ...(etcdUser === undefined
      ? {}
      : { user: { name: etcdUser, password: (read(etcdPasswordFile) ?? "").replace(/\r?\n$/, "") } }),
  };
}

/** @param flag  the one that says where etcd is; without it nothing else can be said of etcd */
export function refuseEtcdFlags(flags: EtcdAccessFlags, flag: string): void {
  const names = {
    "--etcd-cafile": flags.etcdCafile,
    "--etcd-certfile": flags.etcdCertfile,
    "--etcd-keyfile": flags.etcdKeyfile,
    "--etcd-user": flags.etcdUser,
    "--etcd-password-file": flags.etcdPasswordFile,
  };
  const given = Object.entries(names).find(([, value]) => value !== undefined);
  if (given !== undefined) throw new Failure(`${given[0]} goes with ${flag} only`);
}

/** `http://a:2379,http://b:2379` */
export function endpointsOf(urls: string): readonly string[] {
  return urls.split(",").filter((url) => url !== "");
}
