import { assertGolden, readLines } from './files.ts'
import { type SchemaLines, schemaLines } from './schemaLines.ts'

describe('golden encodings', function () {
  this.timeout(60_000)
  let now: SchemaLines
  const golden = readLines<SchemaLines>('schemas.json')
  before(() => {
    now = schemaLines()
  })

  it('writes every message of the project as recorded', () =>
    assertGolden('message', golden.messages, now.messages))
  it('writes key and value of every record in state as recorded', () =>
    assertGolden('record', golden.records, now.records))
  it('writes the frames of consensus, journal, signer and peers as recorded', () =>
    assertGolden('frame', golden.frames, now.frames))
})
