// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.

export const evidenceAddress = '0x7375616e6c69000000000000000000000000000f' as const

/** Proofs of double votes: whoever signed both sides is convicted and jailed, and its bond frozen. */
export const evidenceAbi = [
  {"type":"function","name":"submitEvidence","inputs":[{"name":"evidence","type":"bytes"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"convictions","inputs":[{"name":"provider","type":"uint64"}],"outputs":[{"name":"","type":"uint64[]"}],"stateMutability":"view"},
  {"type":"error","name":"MalformedEvidence","inputs":[]},
  {"type":"error","name":"NotAFault","inputs":[]},
  {"type":"error","name":"NobodyConvicted","inputs":[]},
  {"type":"error","name":"BadEvidenceSignature","inputs":[]},
  {"type":"error","name":"UnknownEpoch","inputs":[{"name":"epoch","type":"uint64"}]},
  {"type":"error","name":"EvidenceTooOld","inputs":[{"name":"epoch","type":"uint64"}]},
  {"type":"error","name":"AlreadyConvicted","inputs":[{"name":"epoch","type":"uint64"}]},
  {"type":"error","name":"FaultQueueFull","inputs":[]},
  {"type":"error","name":"UnknownAction","inputs":[{"name":"selector","type":"bytes4"}]},
  {"type":"error","name":"MalformedCalldata","inputs":[]},
  {"type":"error","name":"ValueNotAccepted","inputs":[]},
  {"type":"error","name":"NoAction","inputs":[]},
  {"type":"error","name":"UnreachableAddress","inputs":[{"name":"to","type":"address"}]},
  {"type":"error","name":"ReadOnly","inputs":[]},
  {"type":"error","name":"InsufficientCoins","inputs":[{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"DebitRefused","inputs":[{"name":"account","type":"address"},{"name":"asset","type":"uint64"},{"name":"reason","type":"string"}]},
  {"type":"error","name":"NotFound","inputs":[]},
  {"type":"event","name":"Convicted","inputs":[{"name":"provider","type":"uint64","indexed":true},{"name":"epoch","type":"uint64","indexed":false},{"name":"view","type":"uint64","indexed":false},{"name":"fault","type":"uint8","indexed":false}]},
  {"type":"event","name":"Failed","inputs":[{"name":"selector","type":"bytes4","indexed":true},{"name":"reason","type":"bytes","indexed":false}]},
] as const
