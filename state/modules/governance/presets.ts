// The parameters of governance: values per preset, and bounds. Not: rules between them (parameters.ts).
import { between, type ParamDef, param } from '../../../base/parameters.ts'
import { t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'

/** Most open proposals per member that the parameters may allow. */
export const OPEN_PER_MEMBER_MAX = 4
const DAY_MS = 86_400_000
const YEAR_MS = 366 * DAY_MS
/** The least share that is more than two thirds for every number of voters up to 256. */
const APPROVAL_PPM_MIN = 666_667n

/** A time lock, the same in dev and test. */
function lock(what: string, lengths: { readonly main: number; readonly dev: number }): ParamDef<number> {
  const check = between(0, 120, 'windows')
  return param({ field: t.u32, doc: `${what}, capacity windows.`, ...lengths, test: lengths.dev, check })
}

export const governanceParameters = {
  approvalPpm: param({
    field: t.ppm,
    doc: 'A proposal passes when approvals · 1,000,000 > voters · this; 666,667 is more than two thirds.',
    main: APPROVAL_PPM_MIN,
    check: between(APPROVAL_PPM_MIN, PPM - 1n),
  }),
  votingMs: param({
    field: t.u64,
    doc: 'How long votes can be cast, milliseconds.',
    main: 14 * DAY_MS,
    dev: 600_000,
    test: 600_000,
    check: (value) => (value < 1_000 || value > YEAR_MS ? 'expected one second to a year' : undefined),
  }),
  // Long enough for every member to prepare, or to see that somebody else's key votes.
  memberLockWindows: lock('Time lock of an admission, a removal and an unjailing', { main: 2, dev: 1 }),
  parameterLockWindows: lock(
    'Time lock of parameters, of an attestation, of reporters, of spending and of an end to a stop of minting',
    {
      main: 7,
      dev: 1,
    },
  ),
  openPerMemberMax: param({
    field: t.u32,
    doc: 'Proposals that one member may have open.',
    main: 2,
    dev: OPEN_PER_MEMBER_MAX,
    test: OPEN_PER_MEMBER_MAX,
    check: between(1, OPEN_PER_MEMBER_MAX),
  }),
  upgradeLockWindows: lock('Time lock of an upgrade', { main: 3, dev: 1 }),
  motionMs: param({
    field: t.u64,
    doc: 'How long holders can lock coins for a motion, milliseconds.',
    main: 7 * DAY_MS,
    dev: 600_000,
    test: 600_000,
    check: between(1_000, YEAR_MS, 'ms'),
  }),
  motionOpenPpm: param({
    field: t.ppm,
    doc: 'Share of the supply that opens a motion, ppm; every later lock is at least a tenth of it.',
    main: 1_000n,
    check: between(100n, 100_000n, 'ppm'),
  }),
  anchorHoldPpm: param({
    field: t.ppm,
    doc: 'Share of the supply that holds the anchor, ppm.',
    main: 250_000n,
    check: between(100_000n, PPM, 'ppm'),
  }),
  reporterVetoPpm: param({
    field: t.ppm,
    doc: 'Share of the supply that vetoes a change of reporters, ppm.',
    main: 200_000n,
    check: between(100_000n, PPM, 'ppm'),
  }),
  anchorHoldWindows: param({
    field: t.u32,
    doc: 'Windows for which holders hold the anchor.',
    main: 14,
    dev: 3,
    test: 2,
    check: between(1, 60, 'windows'),
  }),
  anchorRestWindows: param({
    field: t.u32,
    doc: 'Windows after a hold in which the anchor cannot be held again; at least four times as many.',
    main: 120,
    dev: 20,
    test: 12,
    check: between(4, 1_000, 'windows'),
  }),
} as const
