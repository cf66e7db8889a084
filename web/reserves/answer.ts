// The first thing anybody sees: whether the coins are backed, and by how much. Not: who backs them (providersTable.ts).
import { html, type TemplateResult } from 'lit'
import type { Reserve } from '../../base/protocol/header.ts'
import { addressOf } from '../routes.ts'
import { bar, legendMark } from '../ui/bar.ts'
import { amount, badge, blockLink, figure, type Source } from '../ui/figures.ts'
import { coins, count, ratioOf } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Reserves } from './data.ts'
import { reservesMessages } from './messages.ts'

const RESERVE: Source = { method: 'chain_reserve' }
const COVERAGE: Source = { method: 'issuance_coverage' }

/** `reserve` may be newer than the rest: it is in every header. */
export function answer(data: Reserves, reserve: Reserve, height: number): TemplateResult {
  const m = words(reservesMessages)
  const { liabilitiesBase, capacityBase, shortfallBase } = reserve
  const isCovered = shortfallBase === 0n
  const windows = count(data.horizonWindows)
  const whole = capacityBase > liabilitiesBase ? capacityBase : liabilitiesBase
  return html`<section class="answer" aria-labelledby="question">
    <h1 id="question">${m.question} <span class="verdict ${isCovered ? '' : 'short'}">${isCovered ? m.yes : m.short}</span></h1>
    <p class="lead">
      ${
        isCovered
          ? m.yesText(coins(liabilitiesBase), coins(capacityBase), windows)
          : m.shortText(coins(shortfallBase), windows)
      }
    </p>
    ${bar({
      label: m.barLabel(coins(liabilitiesBase), coins(capacityBase)),
      segments: [
        { ratio: ratioOf(liabilitiesBase < capacityBase ? liabilitiesBase : capacityBase, whole), fill: '1' },
        {
          ratio: ratioOf(liabilitiesBase > capacityBase ? liabilitiesBase - capacityBase : 0n, whole),
          fill: 'bad',
        },
      ],
    })}
    <div class="row spread small">
      <ul class="legend">
        <li>${legendMark('1')}${m.legendOwed}</li>
        <li>${legendMark('rest')}${m.legendFree}</li>
      </ul>
      <p class="soft">
        ${m.checkedAt} ${blockLink(height)}.
        <a href=${addressOf('verify')}>${m.verify}</a>
      </p>
    </div>
  </section>`
}

export function keyFigures(data: Reserves, reserve: Reserve): TemplateResult {
  const m = words(reservesMessages)
  const { mintStop } = reserve
  const from = count(2 + data.coverN)
  return html`<dl class="figures">
    ${figure(m.supply, amount(reserve.supplyBase, RESERVE), m.supplyNote)}
    ${figure(m.owed, amount(reserve.liabilitiesBase, RESERVE), m.owedNote)}
    ${figure(m.deliverable, amount(reserve.capacityBase, RESERVE), m.deliverableNote(from, count(data.horizonWindows)))}
    ${figure(m.locked, amount(reserve.lockedInRedemptionBase, RESERVE), m.lockedNote)}
    ${figure(m.shortfall, amount(reserve.shortfallBase, COVERAGE), m.shortfallNote)}
    ${figure(
      m.minting,
      mintStop === undefined ? badge(m.mintOpen, 'good') : badge(m.mintStopped, 'bad'),
      mintStop === undefined
        ? m.mintOpenNote
        : `${m.mintStops[mintStop.reason]}, ${m.since(count(mintStop.since))}`,
    )}
  </dl>`
}

export function tonight({ coverage, coverN }: Reserves): TemplateResult {
  const m = words(reservesMessages)
  const { capacityBase, topExposureBase, unreservedBase, orphanBase } = coverage
  const leftBase = capacityBase > topExposureBase ? capacityBase - topExposureBase : 0n
  const neededBase = unreservedBase + orphanBase
  const whole = [capacityBase, topExposureBase, neededBase].reduce((a, b) => (a > b ? a : b))
  return html`<section class="card" aria-labelledby="tonight">
    <header><h2 id="tonight">${coverN === 1 ? m.tonight : m.tonightMany(count(coverN))}</h2></header>
    <div class="stack">
      ${bar({
        label: m.tonightLabel(coins(leftBase), coins(neededBase)),
        segments: [
          { ratio: ratioOf(leftBase, whole), fill: '1' },
          { ratio: ratioOf(topExposureBase, whole), fill: '2' },
        ],
        mark: ratioOf(neededBase, whole),
      })}
      <ul class="legend">
        <li>${legendMark('1')}${m.legendLeft} ${amount(leftBase, COVERAGE)}</li>
        <li>${legendMark('2')}${m.legendLost} ${amount(topExposureBase, COVERAGE)}</li>
        <li><span aria-hidden="true">│</span> ${m.legendNeed} ${amount(neededBase, COVERAGE)}</li>
      </ul>
      <p class="soft">${m.tonightText(coins(topExposureBase), coins(leftBase), coins(neededBase))}</p>
    </div>
  </section>`
}
