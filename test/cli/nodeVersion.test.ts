import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { nodeComplaint } from '../../cli/nodeVersion.ts'

describe('cli.nodeVersion', () => {
  it('takes 20.19, 22.3 and whatever is newer', () => {
    for (const version of [
      'v20.19.0',
      'v20.20.2',
      'v22.3.0',
      'v23.0.0',
      'v24.1.0',
      'v26.0.0-nightly2026',
      'v100.0.0',
    ]) {
      assert.equal(nodeComplaint(version), undefined, version)
    }
  })

  it('says in one line what is needed and what is there', () => {
    assert.equal(nodeComplaint('v20.18.3'), 'suanli needs Node 20.19 or newer; this is v20.18.3')
    for (const version of ['v18.20.8', 'v20.2.0', 'v0.12.18', 'v2.0.0', 'unknown']) {
      assert.equal(nodeComplaint(version), `suanli needs Node 20.19 or newer; this is ${version}`)
    }
  })

  it('does not call a newer line too old', () => {
    for (const version of ['v21.7.3', 'v22.0.0', 'v22.2.1']) {
      const text = `suanli needs Node 22.3 or newer, or 20.19; this is ${version}`
      assert.equal(nodeComplaint(version), text)
    }
  })

  it('says what package.json says, and takes the Node that runs this', () => {
    const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
    const { engines } = JSON.parse(text) as { engines: { node: string } }
    assert.equal(engines.node, '^20.19 || >=22.3')
    assert.equal(nodeComplaint(process.version), undefined)
  })
})
