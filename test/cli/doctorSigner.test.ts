// What the doctor says about a signer's record: whole, cut, exported, or exported with a damaged mark.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diagnose } from '../../cli/doctor/diagnose.ts'
import { planDevnet } from '../../devnet/directories.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { genesisHash, genesisValidators } from '../../genesis/schema.ts'
import { genesisFile, parseGenesis } from '../../node/nodeDir.ts'
import { openLocalSigner, signerFolder } from '../../signer/signerDir.ts'
import { withDirectory } from '../support/chainFixtures.ts'
import { prepareFolders } from '../support/devnetFolders.ts'

async function signerChecks(dir: string) {
  const { checks, advice } = await diagnose(dir, { blocks: 0 })
  const own = checks.filter(({ name }) => name === 'signer')
  return { text: own.map(({ detail }) => detail).join('\n'), advice }
}

describe('cli.doctor on a signer', () => {
  it('names what is wrong with its record', () =>
    withDirectory(async (dataDir) => {
      const [member] = planDevnet({ validators: 4, port: 25_950, dataDir })
      const settings = { validators: 4, dataDir, blockTimeMs: 20, windowMs: 10_000, isFresh: true }
      prepareFolders({ ...settings, logLevel: 'info' }, [member!])
      const { dir } = member!
      const genesis = parseGenesis(genesisFile(dir))
      const signer = await openLocalSigner({
        dataDir: dir,
        genesisHash: genesisHash(genesis),
        genesisSet: genesisValidators(genesis),
        secretKey: developmentValidator(0).consensusSecret,
        forceMoved: false,
      })
      await signer.beginEpoch(0, async () => [])
      for (const view of [1, 2, 3]) await signer.sign(0, [{ kind: 'nullify', epoch: 0, view }])
      await signer.close()
      const whole = await signerChecks(dir)
      assert.match(whole.text, /epoch 0, floor view 0, 3 votes above/)

      const folder = signerFolder(dir)
      const last = join(
        folder,
        readdirSync(folder)
          .filter((name) => name.endsWith('.log'))
          .sort()
          .at(-1)!,
      )
      const bytes = readFileSync(last)
      writeFileSync(last, bytes.subarray(0, Math.floor(bytes.length * 0.6)))
      const cut = await signerChecks(dir)
      assert.match(
        cut.text,
        /is damaged \(it is cut: .*\): the node signs nothing until a later epoch is proven/,
      )
      assert.match(cut.advice.join('\n'), /never restore an older copy/)
      writeFileSync(last, bytes)

      const mark = join(dir, 'keys', 'consensus.moved.json')
      writeFileSync(mark, '{"movedAt": "tru')
      const moved = await signerChecks(dir)
      assert.match(moved.text, /the mark of an exported record is damaged/)
      assert.match(moved.advice.join('\n'), /consensus\.moved\.json is damaged/)
      rmSync(mark)
    }))
})
