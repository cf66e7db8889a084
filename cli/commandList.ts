// The commands of `suanli`: what the list of help says of each, and how to load it. Not: the commands (commands/).
import type { Command } from 'commander'
import type { ModuleDef } from '../base/moduleDefinition.ts'
import { CLIENT_VERSION } from '../node/version.ts'
import { print } from './common.ts'

export type AddCommand = (program: Command, finish: (code: number) => void) => void

interface Entry {
  /** For the list of commands, which loads none of them: as the command describes itself, which a test checks. */
  readonly text: string
  readonly load: () => Promise<AddCommand>
}

/** The command of a native module, which loads its own definition alone. */
async function moduleCommand(schema: Promise<ModuleDef>): Promise<AddCommand> {
  const { addModule } = await import('./commands/module.ts')
  return addModule(await schema)
}

/** In the order of the help. Each is loaded only when it is named: all of them take four times as long to load as one. */
export const COMMANDS: Readonly<Record<string, Entry>> = {
  devnet: {
    text: 'run a chain of several validators on this machine, with funded development accounts',
    load: async () => (await import('./commands/devnet.ts')).addDevnet,
  },
  init: {
    text: 'create the data directory of a node: key files, configuration, genesis',
    load: async () => (await import('./commands/init.ts')).addInit,
  },
  keys: {
    text: 'create, show, export and import the key files of a node',
    load: async () => (await import('./commands/keys.ts')).addKeys,
  },
  genesis: {
    text: 'make and check genesis documents',
    load: async () => (await import('./commands/genesis.ts')).addGenesis,
  },
  start: {
    text: 'run the node of a data directory until Ctrl-C',
    load: async () => (await import('./commands/start.ts')).addStart,
  },
  admin: {
    text: 'look into a running node of this machine, and change its log level',
    load: async () => (await import('./commands/admin.ts')).addAdmin,
  },
  verify: {
    text: 'verify what nodes answer, trusting only genesis or a checkpoint',
    load: async () => (await import('./commands/verify.ts')).addVerify,
  },
  doctor: {
    text: 'check the data directory of a stopped node: reports what is wrong and which command helps',
    load: async () => (await import('./commands/doctor.ts')).addDoctor,
  },
  rollback: {
    text: 'remove the newest blocks of a stopped node; the next start fetches them from peers again',
    load: async () => (await import('./commands/rollback.ts')).addRollback,
  },
  member: {
    text: 'show members; admit, remove, jail and rotate them: print the call for a wallet, or send it',
    load: async () => (await import('./commands/member.ts')).addMember,
  },
  provider: {
    text: 'all that a provider does, from its first pledge to its exit; `status` says what comes next',
    load: async () => (await import('./commands/provider.ts')).addProviderCommand,
  },
  gateway: {
    text: 'serve models to holders of coins, paid by vouchers, behind an OpenAI-compatible API',
    load: async () => (await import('./commands/gateway.ts')).addGateway,
  },
  recovery: {
    text: 'continue after a quorum of validators is lost for good, by a file that the members agree on',
    load: async () => (await import('./commands/recovery.ts')).addRecovery,
  },
  signer: {
    text: 'run a consensus key in a separate process, and move the record of what it has signed',
    load: async () => (await import('./commands/signer.ts')).addSigner,
  },
  wallet: {
    text: 'make, import and show key files of accounts',
    load: async () => (await import('./commands/wallet.ts')).addWallet,
  },
  balance: {
    text: 'show the coins of an address',
    load: async () => (await import('./commands/coins.ts')).addBalance,
  },
  send: {
    text: 'send coins, and wait until they have arrived for good',
    load: async () => (await import('./commands/coins.ts')).addSend,
  },
  tx: {
    text: 'show what became of a transaction',
    load: async () => (await import('./commands/coins.ts')).addTx,
  },
  redeem: {
    text: 'turn coins into AI work: request, wait, and get a base URL and a key for any OpenAI client',
    load: async () => (await import('./commands/redeem.ts')).addRedeem,
  },
  accounts: {
    text: 'coin balances and nonces, the supply, and the parameters of blocks and fees',
    load: () =>
      moduleCommand(import('../state/modules/accounts/schema.ts').then((module) => module.accountsSchema)),
  },
  assets: {
    text: 'registered assets besides the coin: issue, redeem, and balances with the same transfer rules',
    load: () =>
      moduleCommand(import('../state/modules/assets/schema.ts').then((module) => module.assetsSchema)),
  },
  catalogue: {
    text: 'hardware classes with ratings per service, in ppm of the reference device (H100 SXM)',
    load: () =>
      moduleCommand(import('../state/modules/catalogue/schema.ts').then((module) => module.catalogueSchema)),
  },
  providers: {
    text: 'consortium members: keys, profiles, status, bonds and faults, and the validator set',
    load: () =>
      moduleCommand(import('../state/modules/providers/schema.ts').then((module) => module.providersSchema)),
  },
  oracle: {
    text: 'the anchor (rating that one SCU delivers) and the SCU-hour price per settlement asset',
    load: async () => {
      const [addModule, { addOracleRun }] = await Promise.all([
        moduleCommand(import('../state/modules/oracle/schema.ts').then((module) => module.oracleSchema)),
        import('./commands/oracle.ts'),
      ])
      return (program, finish) => {
        addModule(program, finish)
        addOracleRun(program, finish)
      }
    },
  },
  capacity: {
    text: 'windows, evergreen pledges of hardware, and the rated device-hours free in each window',
    load: () =>
      moduleCommand(import('../state/modules/capacity/schema.ts').then((module) => module.capacitySchema)),
  },
  backing: {
    text: 'coins that holders put behind a provider: they are lost after its bond and lock, and earn a share of what it receives',
    load: () =>
      moduleCommand(import('../state/modules/backing/schema.ts').then((module) => module.backingSchema)),
  },
  issuance: {
    text: 'liabilities of providers: minting coins against pledged capacity, and retiring them',
    load: () =>
      moduleCommand(import('../state/modules/issuance/schema.ts').then((module) => module.issuanceSchema)),
  },
  series: {
    text: 'primary sales: coins that a provider sells at once, and receipts for future compute that become coins later',
    load: () =>
      moduleCommand(import('../state/modules/series/schema.ts').then((module) => module.seriesSchema)),
  },
  redemption: {
    text: 'turns coins into compute: requests, reservations of capacity, vouchers, and the burning of liabilities',
    load: () =>
      moduleCommand(
        import('../state/modules/redemption/schema.ts').then((module) => module.redemptionSchema),
      ),
  },
  market: {
    text: 'order books for the coin, receipts and settlement assets: one auction a block, one price for all',
    load: () =>
      moduleCommand(import('../state/modules/market/schema.ts').then((module) => module.marketSchema)),
  },
  default: {
    text: 'what happens when a provider fails or leaves, and the guarantee fund',
    load: () =>
      moduleCommand(import('../state/modules/default/schema.ts').then((module) => module.defaultSchema)),
  },
  evidence: {
    text: 'proofs of double votes: whoever signed both sides is convicted and jailed, and its bond frozen',
    load: () =>
      moduleCommand(import('../state/modules/evidence/schema.ts').then((module) => module.evidenceSchema)),
  },
  compliance: {
    text: 'freezes of accounts, a pause of transfers, credentials, and transfers with a memo',
    load: () =>
      moduleCommand(
        import('../state/modules/compliance/schema.ts').then((module) => module.complianceSchema),
      ),
  },
  governance: {
    text: 'decisions of the validators, one vote each, more than two thirds, after a time lock',
    load: () =>
      moduleCommand(
        import('../state/modules/governance/schema.ts').then((module) => module.governanceSchema),
      ),
  },
  export: {
    text: 'write figures of a chain as CSV or Parquet, or its state, to a file',
    load: async () => (await import('./commands/export.ts')).addExport,
  },
  completion: {
    text: 'print a script that completes commands and options: bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).addCompletion,
  },
  version: {
    text: 'print the version that clients see',
    load: async () => addVersion,
  },
}

function addVersion(program: Command): void {
  program
    .command('version')
    .description('print the version that clients see')
    .action(() => print(CLIENT_VERSION))
}
