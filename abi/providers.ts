// Generated from the module definitions in state/ by node/writeAbi.ts; do not edit.

export const providersAddress = '0x7375616e6c690000000000000000000000000004' as const

/** Consortium members: keys, profiles, status, bonds and faults, and the validator set. */
export const providersAbi = [
  {"type":"function","name":"updateProfile","inputs":[{"name":"legalName","type":"string"},{"name":"legalGroup","type":"string"},{"name":"jurisdiction","type":"string"},{"name":"url","type":"string"},{"name":"termsHash","type":"bytes32"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"postBond","inputs":[{"name":"asset","type":"uint64"},{"name":"amountBase","type":"uint256"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"provider","inputs":[{"name":"id","type":"uint64"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"id","type":"uint64"},{"name":"operator","type":"address"},{"name":"consensusKey","type":"bytes"},{"name":"peerId","type":"bytes"},{"name":"status","type":"uint8"},{"name":"profile","type":"tuple","components":[{"name":"legalName","type":"string"},{"name":"legalGroup","type":"string"},{"name":"jurisdiction","type":"string"},{"name":"url","type":"string"},{"name":"termsHash","type":"bytes32"}]}]}],"stateMutability":"view"},
  {"type":"function","name":"providers","inputs":[],"outputs":[{"name":"","type":"tuple[]","components":[{"name":"id","type":"uint64"},{"name":"operator","type":"address"},{"name":"consensusKey","type":"bytes"},{"name":"peerId","type":"bytes"},{"name":"status","type":"uint8"},{"name":"profile","type":"tuple","components":[{"name":"legalName","type":"string"},{"name":"legalGroup","type":"string"},{"name":"jurisdiction","type":"string"},{"name":"url","type":"string"},{"name":"termsHash","type":"bytes32"}]}]}],"stateMutability":"view"},
  {"type":"function","name":"bonds","inputs":[{"name":"id","type":"uint64"}],"outputs":[{"name":"","type":"tuple[]","components":[{"name":"asset","type":"uint64"},{"name":"amountBase","type":"uint256"}]}],"stateMutability":"view"},
  {"type":"function","name":"faults","inputs":[{"name":"id","type":"uint64"}],"outputs":[{"name":"","type":"tuple[]","components":[{"name":"kind","type":"uint8"},{"name":"count","type":"uint64"},{"name":"amountBase","type":"uint256"},{"name":"firstHeight","type":"uint64"},{"name":"lastHeight","type":"uint64"}]}],"stateMutability":"view"},
  {"type":"function","name":"validators","inputs":[],"outputs":[{"name":"","type":"tuple[]","components":[{"name":"id","type":"uint64"},{"name":"operator","type":"address"},{"name":"consensusKey","type":"bytes"},{"name":"peerId","type":"bytes"}]}],"stateMutability":"view"},
  {"type":"error","name":"NotProvider","inputs":[{"name":"sender","type":"address"}]},
  {"type":"error","name":"UnknownAsset","inputs":[{"name":"asset","type":"uint64"}]},
  {"type":"error","name":"InsufficientAsset","inputs":[{"name":"asset","type":"uint64"},{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"BelowMinimum","inputs":[{"name":"amountBase","type":"uint256"},{"name":"minimumBase","type":"uint256"}]},
  {"type":"error","name":"OwnAssetAsBond","inputs":[{"name":"asset","type":"uint64"}]},
  {"type":"error","name":"TooManyBondAssets","inputs":[{"name":"maximum","type":"uint32"}]},
  {"type":"error","name":"LegalGroupFixed","inputs":[{"name":"legalGroup","type":"string"}]},
  {"type":"error","name":"UnknownAction","inputs":[{"name":"selector","type":"bytes4"}]},
  {"type":"error","name":"MalformedCalldata","inputs":[]},
  {"type":"error","name":"ValueNotAccepted","inputs":[]},
  {"type":"error","name":"NoAction","inputs":[]},
  {"type":"error","name":"UnreachableAddress","inputs":[{"name":"to","type":"address"}]},
  {"type":"error","name":"ReadOnly","inputs":[]},
  {"type":"error","name":"InsufficientCoins","inputs":[{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"NotFound","inputs":[]},
  {"type":"event","name":"ProfileUpdated","inputs":[{"name":"provider","type":"uint64","indexed":false},{"name":"termsHash","type":"bytes32","indexed":false}]},
  {"type":"event","name":"BondPosted","inputs":[{"name":"provider","type":"uint64","indexed":false},{"name":"asset","type":"uint64","indexed":false},{"name":"amountBase","type":"uint256","indexed":false},{"name":"totalBase","type":"uint256","indexed":false}]},
  {"type":"event","name":"FaultRecorded","inputs":[{"name":"provider","type":"uint64","indexed":false},{"name":"kind","type":"uint8","indexed":false},{"name":"amountBase","type":"uint256","indexed":false}]},
  {"type":"event","name":"ValidatorSetChanged","inputs":[{"name":"epoch","type":"uint64","indexed":false},{"name":"setHash","type":"bytes32","indexed":false}]},
  {"type":"event","name":"Failed","inputs":[{"name":"selector","type":"bytes4","indexed":true},{"name":"reason","type":"bytes","indexed":false}]},
] as const
