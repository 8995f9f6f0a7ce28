/** What roles may besides, in the sheet's shorthand, while the feature GenericWorkload is on. */
export const POD_GROUP_RULES: {
  readonly clusterRoles: Readonly<Record<string, string>>;
  readonly controllerRoles: Readonly<Record<string, string>>;
} = {
  clusterRoles: {
    "system:kube-scheduler": "sched/{podgroups}:RO; sched/{podgroups/status}:update,patch",
  },
  controllerRoles: {
    "podgroup-protection-controller": "sched/{podgroups}:RO,update; core/{pods}:RO; EV",
  },
};
