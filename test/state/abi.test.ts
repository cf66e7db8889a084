import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Abi, encodeFunctionData, toFunctionSelector } from 'viem'
import { concatBytes, toHex } from '../../base/bytes.ts'
import type { ModuleDef } from '../../base/moduleDefinition.ts'
import { selectorOf } from '../../base/selector.ts'
import { abiFiles, abiOf } from '../../state/abiExport.ts'
import { abiTableOf, decodeArguments, selectorNumber } from '../../state/abiTable.ts'
import { callSchema } from '../../state/dispatch.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { erc20Schema } from '../../state/modules/assets/schema.ts'
import { MODULES } from '../../state/registry.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'

const FOLDER = fileURLToPath(new URL('../../../abi', import.meta.url))

describe('abi', () => {
  it('has no stale file: node dist/scripts/writeAbi.js rewrites them', () => {
    const expected = abiFiles(MODULE_SCHEMAS)
    assert.deepEqual(readdirSync(FOLDER).sort(), [...expected.keys()].sort())
    for (const [name, text] of expected) {
      assert.equal(readFileSync(`${FOLDER}/${name}`, 'utf8'), text, `abi/${name} is stale`)
    }
  })

  it('lists the same modules with and without rules', () => {
    assert.deepEqual(
      MODULES.map((module) => module.definition.name),
      MODULE_SCHEMAS.map((definition) => definition.name),
    )
  })

  it('gives viem the selectors that the chain dispatches on', () => {
    const definitions: readonly ModuleDef[] = [...MODULE_SCHEMAS, erc20Schema]
    for (const definition of definitions) {
      for (const item of abiOf(definition)) {
        if (item.type !== 'function') continue
        const source = definition.actions[item.name] ?? definition.queries[item.name]
        const ours = toHex(selectorOf(item.name, source!.args))
        assert.equal(toFunctionSelector(item as never), ours, `${definition.name}.${item.name}`)
      }
    }
  })

  it('decodes what viem encodes, nested tuples included', () => {
    const abi = abiOf(accountsSchema, callSchema) as unknown as Abi
    const to = `0x${'11'.repeat(20)}` as const
    const calls = [
      { to, value: 5n, data: '0x' },
      { to, value: 0n, data: '0x010203' },
    ]
    const encoded = encodeFunctionData({ abi, functionName: 'batch', args: [calls] })
    const data = Uint8Array.from(Buffer.from(encoded.slice(2), 'hex'))
    const entry = abiTableOf(accountsSchema, 1).bySelector.get(selectorNumber(data)!)!
    assert.equal(entry.name, 'batch')
    const address = new Uint8Array(20).fill(0x11)
    assert.deepEqual(decodeArguments(entry, data), {
      calls: [
        { to: address, value: 5n, data: new Uint8Array(0) },
        { to: address, value: 0n, data: Uint8Array.of(1, 2, 3) },
      ],
    })
    assert.equal(decodeArguments(entry, data.subarray(0, data.length - 1)), undefined)
    assert.equal(decodeArguments(entry, Uint8Array.of(...data, 0)), undefined)
  })

  it('rejects arguments that share bytes, before it copies them', () => {
    const word = (n: number) => {
      const out = new Uint8Array(32)
      new DataView(out.buffer).setUint32(28, n)
      return out
    }
    const count = 200
    const call = [word(1), word(0), word(96), word(10_000), new Uint8Array(10_016)]
    const offsets = Array.from({ length: count }, () => word(count * 32))
    const data = concatBytes(new Uint8Array(4), word(32), word(count), ...offsets, ...call)
    const entry = [...abiTableOf(accountsSchema, 1).bySelector.values()].find((e) => e.name === 'batch')!
    assert.equal(decodeArguments(entry, data), undefined)
    const single = concatBytes(new Uint8Array(4), word(32), word(1), word(32), ...call)
    assert.equal((decodeArguments(entry, single)!.calls as readonly unknown[]).length, 1)
  })

  it('includes the errors and the log that any call may produce', () => {
    const items = abiOf(accountsSchema, callSchema)
    const names = items.map((item) => item.name)
    for (const name of ['UnknownAction', 'MalformedCalldata', 'ValueNotAccepted', 'NoAction', 'Failed']) {
      assert.ok(names.includes(name), name)
    }
  })
})
