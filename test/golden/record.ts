// `node dist/test/golden/record.js`: rewrites the golden files from this build (README.md says when that is allowed).
// A change in them is a decision with a version, never a side effect. Two runs of one build write the same bytes.
import { gzipSync } from 'node:zlib'
import { makeFacts } from './facts.ts'
import { writeGolden } from './files.ts'
import { recordChain } from './recordChain.ts'
import { joinFrames, replay } from './replay.ts'
import { schemaLines } from './schemaLines.ts'

const frames = recordChain()
writeGolden('schemas.json', schemaLines())
writeGolden('facts.json', makeFacts())
writeGolden('chain.bin.gz', gzipSync(joinFrames(frames), { level: 9 }))
writeGolden('chain.json', replay(frames))
