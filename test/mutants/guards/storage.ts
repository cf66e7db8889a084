// What the disk may do to a node, each guard deleted. Consensus' simulator has no LevelDB, so the tests of storage find these.
import { type Edit, editsOf } from '../edit.ts'

const TESTS = ['dist/test/storage/*.test.js', 'dist/test/node/storeCheck.test.js']

const rows: readonly Edit[] = [
  ...editsOf('storage/chainStore.ts', [
    [
      'chainStore.commitWithoutSync',
      '      await batch.write({ sync: true })\n    } catch',
      '      await batch.write()\n    } catch',
      'a commit that a client was told of is lost with the power',
    ],
    [
      'chainStore.pruningWithoutSync',
      '    await batch.write({ sync: true })\n    return',
      '    await batch.write()\n    return',
      'a lost pruning looks like a damaged log',
    ],
    [
      'chainStore.markIgnored',
      'this.#isStateTrusted = this.#mark?.said === this.#describe()',
      'this.#isStateTrusted = true',
      'a state is signed on that nobody compared after a kill',
    ],
    [
      'chainStore.markKept',
      '      await this.#mark?.remove()\n      await batch',
      '      await batch',
      'a kill looks like an orderly stop',
    ],
    [
      'chainStore.untrustedClosed',
      '!this.#isStateTrusted || ',
      '',
      'an orderly stop before the comparison makes a damaged state trusted',
    ],
  ]),
  ...editsOf('storage/database.ts', [
    ['database.opensDamaged', '  await refuseDamage(path)\n', '', 'LevelDB drops damaged writes in silence'],
  ]),
  ...editsOf('storage/levelLog.ts', [
    [
      'levelLog.allTorn',
      "return stop(hasFragmentAfter(bytes, offset + 1) ? 'damaged' : 'torn')",
      "return stop('torn')",
      'damage in the middle is taken for a torn end',
    ],
  ]),
  ...editsOf('storage/levelCheck.ts', [
    [
      'levelCheck.gap',
      'if (first === undefined || !isNext) return { at: offsets[i]! }',
      'if (first === undefined) return { at: offsets[i]! }',
      'a missing write between two sound ones is not noticed',
    ],
    [
      'levelCheck.missingLog',
      'if (logNumber > 0 && !names.has(logName(logNumber)))',
      'if (logNumber < 0)',
      'a removed log is not noticed',
    ],
  ]),
  ...editsOf('storage/history.ts', [
    [
      'history.gap',
      'if (last !== undefined && height !== last + 1)',
      'if (last !== undefined && height <= last)',
      'a commit that an earlier opening dropped is not noticed',
    ],
  ]),
  ...editsOf('storage/stateCompare.ts', [
    [
      'compare.values',
      "if (held === 'another') return",
      'if (held === undefined) return',
      'a wrong value passes',
    ],
    ['compare.missing', 'leaves === entries ?', 'leaves >= entries ?', 'missing keys pass'],
    ['compare.extra', "if (held === 'none') return", 'if (held === undefined) return', 'keys too many pass'],
  ]),
  ...editsOf('storage/journal.ts', [
    [
      'journal.markIgnored',
      'if (mark.said !== undefined && mark.said !== (await segmentSizes(files)))',
      'if (mark.said === null)',
      'a cut journal passes for a whole one',
    ],
  ]),
  ...editsOf('node/halt/signingGuard.ts', [
    ['signingGuard.unchecked', '!(await checked) || isHalted()', 'isHalted()', 'votes before the check'],
    ['signingGuard.halted', '!(await checked) || isHalted()', '!(await checked)', 'votes after a halt'],
  ]),
]

export const STORAGE_GUARDS: readonly Edit[] = rows.map((edit) => ({ ...edit, specs: TESTS }))
