import assert from 'node:assert/strict'
import { toHex, utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import {
  abovePar,
  jobParity,
  modelParity,
  parDeviceSecondPrice,
  parTokenPrice,
  parTokensPerCoin,
} from '../../../client/redemption/parity.ts'
import { RedeemError } from '../../../client/redemption/redeemError.ts'
import { costOf, parseTariff, tariffHash, tariffText } from '../../../client/redemption/tariff.ts'
import { NO_USAGE, type Usage, usageOf } from '../../../client/redemption/usage.ts'

const TEXT =
  '{"deviceSecondBase":{"train":"300000000000000"},"minimumBase":"10","models":{"7":{"embeddingBase":"5"},' +
  '"tiny":{"cachedPromptBase":"250","completionBase":"2001","promptBase":"1000","reference":"llama2-70b"}},"version":1}'
const TARIFF = parseTariff(TEXT)
const used = (part: Partial<Usage>): Usage => ({ ...NO_USAGE, ...part })

const at =
  (path: string, code = 'tariff') =>
  (error: unknown) => {
    assert.ok(error instanceof RedeemError, String(error))
    assert.deepEqual([error.code, error.path], [code, path])
    return true
  }

describe('client.redemption.tariff', () => {
  it('has one canonical text, whatever the order and the spaces', () => {
    assert.equal(tariffText(TARIFF), TEXT)
    const loose = JSON.stringify(JSON.parse(TEXT), null, 2)
    assert.equal(tariffText(parseTariff(loose)), TEXT)
    assert.deepEqual(tariffHash(TARIFF), sha256(utf8(TEXT)))
    assert.equal(tariffText(parseTariff(utf8(TEXT))), TEXT)
  })

  it('names the field that is wrong', () => {
    const wrong: readonly (readonly [string, string])[] = [
      ['{', ''],
      ['[]', ''],
      ['{"version":2}', 'version'],
      ['{"version":1,"minimumBase":"0","models":{}}', 'models'],
      ['{"version":1,"minimumBase":0,"models":{"a":{"promptBase":"1"}}}', 'minimumBase'],
      ['{"version":1,"minimumBase":"-1","models":{"a":{"promptBase":"1"}}}', 'minimumBase'],
      ['{"version":1,"minimumBase":"01","models":{"a":{"promptBase":"1"}}}', 'minimumBase'],
      [`{"version":1,"minimumBase":"${10n ** 39n}","models":{"a":{"promptBase":"1"}}}`, 'minimumBase'],
      ['{"version":1,"minimumBase":"0","models":{"a":{}}}', 'models.a'],
      ['{"version":1,"minimumBase":"0","models":{"a":{"prompt":"1"}}}', 'models.a.prompt'],
      ['{"version":1,"minimumBase":"0","models":{"a":{"promptBase":"1.5"}}}', 'models.a.promptBase'],
      ['{"version":1,"minimumBase":"0","models":{"a":{"cachedPromptBase":"1"}}}', 'models.a.promptBase'],
      [
        '{"version":1,"minimumBase":"0","models":{"a":{"promptBase":"1","reference":7}}}',
        'models.a.reference',
      ],
      ['{"version":1,"minimumBase":"0","models":{"a\\nb":{"promptBase":"1"}}}', 'models'],
      ['{"version":1,"minimumBase":"0","deviceSecondBase":{"idle":"1"}}', 'deviceSecondBase.idle'],
      ['{"version":1,"minimumBase":"0","models":{"a":{"promptBase":"1"}},"extra":1}', 'extra'],
    ]
    for (const [text, path] of wrong) assert.throws(() => parseTariff(text), at(path), text)
    assert.throws(() => parseTariff(' '.repeat(70_000)), at(''))
  })

  it('rounds a cost up once, cached prompts at their own price', () => {
    assert.equal(costOf(TARIFF, { model: 'tiny' }, used({ promptTokens: 100 })), 100n)
    assert.equal(
      costOf(TARIFF, { model: 'tiny' }, used({ promptTokens: 100, cachedPromptTokens: 60 })),
      40n + 15n,
    )
    // 100 + 2.001 + 2.001 rounded together.
    assert.equal(costOf(TARIFF, { model: 'tiny' }, used({ promptTokens: 100, completionTokens: 2 })), 105n)
    assert.equal(costOf(TARIFF, { model: '7' }, used({ embeddingTokens: 10_000 })), 50n)
  })

  it('charges the minimum for little, and nothing for nothing', () => {
    assert.equal(costOf(TARIFF, { model: 'tiny' }, used({ promptTokens: 1 })), 10n)
    assert.equal(costOf(TARIFF, { model: 'tiny' }, NO_USAGE), 0n)
  })

  it('charges jobs by device-milliseconds', () => {
    assert.equal(costOf(TARIFF, { service: 'train' }, used({ deviceMs: 1_500 })), 450_000_000_000_000n)
  })

  it('refuses what has no price', () => {
    const refuses = (run: () => unknown, path: string): void => assert.throws(run, at(path, 'unpriced'))
    refuses(() => costOf(TARIFF, { model: 'x' }, NO_USAGE), 'models.x')
    refuses(() => costOf(TARIFF, { model: '7' }, used({ promptTokens: 1 })), 'models.7.promptBase')
    refuses(() => costOf(TARIFF, { service: 'infer' }, used({ deviceMs: 1 })), 'deviceSecondBase.infer')
    assert.throws(
      () => costOf(TARIFF, { model: 'tiny' }, used({ cachedPromptTokens: 1 })),
      at('cachedPromptTokens', 'usage'),
    )
    assert.throws(
      () => costOf(TARIFF, { model: 'tiny' }, used({ promptTokens: 1.5 })),
      at('promptTokens', 'usage'),
    )
  })
})

describe('client.redemption.usageOf', () => {
  it("reads OpenAI's usage of completions, responses and embeddings", () => {
    const details = { cached_tokens: 3 }
    assert.deepEqual(
      usageOf('completion', {
        prompt_tokens: 7,
        completion_tokens: 2,
        total_tokens: 9,
        prompt_tokens_details: details,
      }),
      used({ promptTokens: 7, cachedPromptTokens: 3, completionTokens: 2 }),
    )
    assert.deepEqual(
      usageOf('completion', { input_tokens: 7, output_tokens: 2, input_tokens_details: details }),
      used({ promptTokens: 7, cachedPromptTokens: 3, completionTokens: 2 }),
    )
    assert.deepEqual(
      usageOf('embedding', { prompt_tokens: 7, total_tokens: 7 }),
      used({ embeddingTokens: 7 }),
    )
  })

  it('refuses what is none', () => {
    for (const json of [
      null,
      undefined,
      [],
      {},
      { prompt_tokens: 1 },
      { prompt_tokens: -1, completion_tokens: 1 },
    ]) {
      assert.throws(() => usageOf('completion', json), RedeemError)
    }
    const tooMany = { prompt_tokens: 1, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 2 } }
    assert.throws(() => usageOf('completion', tooMany), at('cachedPromptTokens', 'usage'))
  })
})

describe('client.redemption.parity', () => {
  /** The H100 of today's devnet: A = R. */
  const terms = { anchor: 1_000_000n, rating: 1_000_000n, bonusPpm: 0n }
  const references = [{ classId: 20, model: 'llama2-70b', tokensPerHour: 13_747_791 }]
  const priced = (completionBase: bigint) =>
    parseTariff(
      `{"version":1,"minimumBase":"0","models":{"llama2-70b":{"promptBase":"1","completionBase":"${completionBase}"}}}`,
    )

  it('makes tokens of a coin: reference · A / R', () => {
    assert.equal(parTokensPerCoin(13_747_791, terms), 13_747_791n)
    assert.equal(parTokensPerCoin(13_747_791, { ...terms, rating: 2_000_000n }), 6_873_895n)
    assert.equal(parTokensPerCoin(13_747_791, { ...terms, anchor: 2_000_000n }), 27_495_582n)
    assert.equal(parTokensPerCoin(13_747_791, { ...terms, bonusPpm: 100_000n }), 15_122_570n)
    assert.equal(parDeviceSecondPrice(terms), 277_777_777_777_778n)
  })

  it('finds a price above par from two per cent on', () => {
    const parBase = parTokenPrice(13_747_791, terms)
    const options = { classId: 20, terms, references }
    assert.equal(modelParity(priced(parBase), 'llama2-70b', options), 'par')
    assert.equal(modelParity(priced((parBase * 102n) / 100n), 'llama2-70b', options), 'par')
    assert.equal(modelParity(priced((parBase * 102n) / 100n + 1n), 'llama2-70b', options), 'abovePar')
    // A bonus promises more, so that par itself is too dear.
    const bonus = { ...options, terms: { ...terms, bonusPpm: 100_000n } }
    assert.equal(modelParity(priced(parBase), 'llama2-70b', bonus), 'abovePar')
  })

  it('knows nothing without a measurement of that model and class', () => {
    const dear = priced(10n ** 20n)
    assert.equal(modelParity(dear, 'llama2-70b', { classId: 21, terms, references }), 'unknown')
    assert.equal(modelParity(TARIFF, '7', { classId: 20, terms, references }), 'unknown')
    assert.equal(modelParity(TARIFF, 'tiny', { classId: 20, terms, references }), 'par')
  })

  it('compares device-seconds without any measurement', () => {
    assert.equal(jobParity(TARIFF, 'train', terms), 'abovePar')
    assert.equal(jobParity(TARIFF, 'train', { ...terms, rating: 1_100_000n }), 'par')
    assert.equal(jobParity(TARIFF, 'infer', terms), 'unknown')
  })

  it('lists all that is above par', () => {
    const options = { classId: 20, service: 'train', terms, references } as const
    assert.deepEqual(abovePar(TARIFF, options), ['deviceSecondBase.train'])
    assert.deepEqual(abovePar(priced(10n ** 20n), options), ['models.llama2-70b'])
    assert.equal(toHex(tariffHash(TARIFF)).length, 66)
  })
})
