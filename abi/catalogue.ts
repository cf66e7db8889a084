// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.

export const catalogueAddress = '0x7375616e6c690000000000000000000000000003' as const

/** Hardware classes with ratings per service, in ppm of the reference device (H100 SXM). */
export const catalogueAbi = [
  {"type":"function","name":"class","inputs":[{"name":"id","type":"uint32"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"id","type":"uint32"},{"name":"slug","type":"string"},{"name":"vendor","type":"string"},{"name":"model","type":"string"},{"name":"memoryGb","type":"uint32"},{"name":"trainPpm","type":"uint64"},{"name":"finetunePpm","type":"uint64"},{"name":"inferPpm","type":"uint64"},{"name":"specOnly","type":"bool"},{"name":"evidenceHash","type":"bytes32"},{"name":"effective","type":"tuple","components":[{"name":"train","type":"uint64"},{"name":"finetune","type":"uint64"},{"name":"infer","type":"uint64"}]}]}],"stateMutability":"view"},
  {"type":"function","name":"classes","inputs":[],"outputs":[{"name":"","type":"tuple[]","components":[{"name":"id","type":"uint32"},{"name":"slug","type":"string"},{"name":"vendor","type":"string"},{"name":"model","type":"string"},{"name":"memoryGb","type":"uint32"},{"name":"trainPpm","type":"uint64"},{"name":"finetunePpm","type":"uint64"},{"name":"inferPpm","type":"uint64"},{"name":"specOnly","type":"bool"},{"name":"evidenceHash","type":"bytes32"},{"name":"effective","type":"tuple","components":[{"name":"train","type":"uint64"},{"name":"finetune","type":"uint64"},{"name":"infer","type":"uint64"}]}]}],"stateMutability":"view"},
  {"type":"function","name":"rating","inputs":[{"name":"id","type":"uint32"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"train","type":"uint64"},{"name":"finetune","type":"uint64"},{"name":"infer","type":"uint64"}]}],"stateMutability":"view"},
  {"type":"function","name":"raise","inputs":[{"name":"id","type":"uint32"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"before","type":"tuple","components":[{"name":"train","type":"uint64"},{"name":"finetune","type":"uint64"},{"name":"infer","type":"uint64"}]},{"name":"fromWindow","type":"uint64"}]}],"stateMutability":"view"},
  {"type":"function","name":"references","inputs":[],"outputs":[{"name":"","type":"tuple[]","components":[{"name":"classId","type":"uint32"},{"name":"model","type":"string"},{"name":"tokensPerHour","type":"uint64"},{"name":"source","type":"string"}]}],"stateMutability":"view"},
  {"type":"error","name":"UnknownAction","inputs":[{"name":"selector","type":"bytes4"}]},
  {"type":"error","name":"MalformedCalldata","inputs":[]},
  {"type":"error","name":"ValueNotAccepted","inputs":[]},
  {"type":"error","name":"NoAction","inputs":[]},
  {"type":"error","name":"UnreachableAddress","inputs":[{"name":"to","type":"address"}]},
  {"type":"error","name":"ReadOnly","inputs":[]},
  {"type":"error","name":"InsufficientCoins","inputs":[{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"DebitRefused","inputs":[{"name":"account","type":"address"},{"name":"asset","type":"uint64"},{"name":"reason","type":"string"}]},
  {"type":"error","name":"NotFound","inputs":[]},
  {"type":"event","name":"ClassAdded","inputs":[{"name":"classId","type":"uint32","indexed":true},{"name":"slug","type":"string","indexed":false}]},
  {"type":"event","name":"ClassRated","inputs":[{"name":"classId","type":"uint32","indexed":true},{"name":"trainPpm","type":"uint64","indexed":false},{"name":"finetunePpm","type":"uint64","indexed":false},{"name":"inferPpm","type":"uint64","indexed":false},{"name":"specOnly","type":"bool","indexed":false},{"name":"pledgesFrom","type":"uint64","indexed":false}]},
  {"type":"event","name":"Failed","inputs":[{"name":"selector","type":"bytes4","indexed":true},{"name":"reason","type":"bytes","indexed":false}]},
] as const
