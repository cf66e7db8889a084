import assert from 'node:assert/strict'
import { concatBytes, fromHex, toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { merkleLeaf, merkleProof, merkleRoot, merkleTop, merkleVerify } from '../../base/protocol/merkle.ts'

// The leaves and roots of the certificate-transparency reference tests (RFC 6962).
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(fromHex)
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

describe('base.protocol.merkle', () => {
  it('computes the tree hashes of RFC 6962', () => {
    ROOTS.forEach((root, i) => {
      assert.equal(toHex(merkleTop(LEAVES.slice(0, i + 1))), `0x${root}`)
    })
    assert.deepEqual(merkleTop([LEAVES[1]!]), merkleLeaf(LEAVES[1]!))
  })

  it('hashes leaves of any length, and rejects path steps that are not hashes', () => {
    for (const size of [0, 1, 64, 1_023, 1_024, 1_025, 9_000]) {
      const leaf = new Uint8Array(size).fill(size & 255)
      assert.deepEqual(merkleLeaf(leaf), sha256(concatBytes(fromHex('00'), leaf)))
    }
    const options = { root: merkleRoot(LEAVES), leaf: LEAVES[0]!, index: 0, count: LEAVES.length }
    const path = merkleProof(LEAVES, 0)
    assert.ok(merkleVerify({ ...options, path }))
    assert.ok(!merkleVerify({ ...options, path: path.map((step) => step.subarray(1)) }))
  })

  it('commits to the number of leaves in the root', () => {
    ROOTS.forEach((top, i) => {
      const sealed = new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, i + 1, ...fromHex(top)])
      assert.deepEqual(merkleRoot(LEAVES.slice(0, i + 1)), sha256(sealed))
    })
    assert.deepEqual(merkleRoot([]), new Uint8Array(32))
  })

  it('rejects an index in a list of another length', () => {
    // Under RFC 6962's tree hash alone, the third of three leaves passes for the second of two.
    const leaves = LEAVES.slice(0, 3)
    const claim = { root: merkleRoot(leaves), leaf: leaves[2]!, path: merkleProof(leaves, 2) }
    assert.equal(merkleVerify({ ...claim, index: 2, count: 3 }), true)
    assert.equal(merkleVerify({ ...claim, index: 1, count: 2 }), false)
    const strange = [Number.NaN, 1.5, -1, 2 ** 60, Number.POSITIVE_INFINITY]
    for (const count of strange) assert.equal(merkleVerify({ ...claim, index: 0, count }), false)
    for (const index of strange) assert.equal(merkleVerify({ ...claim, index, count: 3 }), false)
  })

  it('proves every leaf of every size', () => {
    for (let count = 1; count <= 33; count++) {
      const leaves = Array.from({ length: count }, (_, i) => new Uint8Array([i, count]))
      const root = merkleRoot(leaves)
      for (let index = 0; index < count; index++) {
        const path = merkleProof(leaves, index)
        const claim = { root, leaf: leaves[index]!, index, count, path }
        assert.equal(merkleVerify(claim), true)
        assert.equal(merkleVerify({ ...claim, leaf: new Uint8Array([index, count, 0]) }), false)
        assert.equal(merkleVerify({ ...claim, path: [...path, root] }), false)
        if (path.length > 0) {
          assert.equal(merkleVerify({ ...claim, path: path.slice(1) }), false)
          const bent = path.map((node, i) => (i === 0 ? node.map((b) => b ^ 1) : node))
          assert.equal(merkleVerify({ ...claim, path: bent }), false)
        }
        if (count > 1) assert.equal(merkleVerify({ ...claim, index: (index + 1) % count }), false)
      }
    }
  })

  it('rejects an index outside the list', () => {
    const leaves = LEAVES.slice(0, 3)
    const claim = { root: merkleRoot(leaves), leaf: leaves[0]!, count: 3, path: merkleProof(leaves, 0) }
    for (const index of [-1, 3, 4]) assert.equal(merkleVerify({ ...claim, index }), false)
    assert.equal(merkleVerify({ ...claim, index: 0, count: 0 }), false)
  })

  it('keeps an inner node from passing as a leaf', () => {
    const [first, second] = [merkleLeaf(LEAVES[0]!), merkleLeaf(LEAVES[1]!)]
    const forged = new Uint8Array([...first, ...second])
    assert.notDeepEqual(merkleRoot([forged]), merkleRoot(LEAVES.slice(0, 2)))
  })
})
