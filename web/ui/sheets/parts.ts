// The parts that views are put together from: cards, figures, lists of facts, tables, badges, bars, notices.
import { css } from 'lit'

export const parts = css`
  .stack {
    display: grid;
    gap: var(--gap-5);
    grid-template-columns: minmax(0, 1fr);
  }
  .tight {
    gap: var(--gap-2);
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--gap-2) var(--gap-3);
  }
  .spread {
    justify-content: space-between;
  }
  .columns {
    display: grid;
    gap: var(--gap-5);
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
  }
  .soft {
    color: var(--soft);
  }
  .small {
    font-size: var(--text-s);
  }
  .lead {
    font-size: var(--text-l);
    color: var(--soft);
    max-width: 44rem;
  }
  .card {
    padding: var(--gap-5);
    background: var(--card);
    border: 1px solid var(--line);
    border-radius: var(--round);
    min-width: 0;
  }
  .card > header {
    display: flex;
    flex-wrap: wrap;
    gap: var(--gap-1) var(--gap-3);
    justify-content: space-between;
    align-items: baseline;
    margin-bottom: var(--gap-4);
  }
  .card.flush {
    padding: 0;
    overflow: hidden;
  }
  .card.flush > header {
    margin: 0;
    padding: var(--gap-4) var(--gap-5);
  }

  /* Figures: a name, a large number, a line of explanation. */
  .figures {
    display: grid;
    gap: 1px;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 11.5rem), 1fr));
    background: var(--card);
    border: 1px solid var(--line);
    border-radius: var(--round);
    overflow: hidden;
  }
  .figures > div {
    display: grid;
    align-content: start;
    gap: 0.1rem;
    padding: var(--gap-4);
    box-shadow:
      1px 0 0 var(--line),
      0 1px 0 var(--line);
  }
  .figures dt {
    font-size: var(--text-s);
    color: var(--soft);
  }
  .figures dd {
    font-size: 1.375rem;
    font-weight: 600;
    line-height: 1.35;
    letter-spacing: -0.01em;
  }
  .figures dd.note {
    font-size: var(--text-s);
    font-weight: 400;
    letter-spacing: 0;
    line-height: 1.45;
    color: var(--soft);
  }
  @media (max-width: 40rem) {
    .figures {
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 9rem), 1fr));
    }
    .figures > div {
      padding: var(--gap-3);
    }
    .figures dd {
      font-size: 1.2rem;
    }
  }
  .unit {
    font-size: 0.72em;
    font-weight: 500;
    color: var(--soft);
    letter-spacing: 0;
  }

  /* Facts: names on the left, values on the right. */
  .facts {
    display: grid;
    grid-template-columns: minmax(8rem, 14rem) minmax(0, 1fr);
  }
  .facts > dt {
    padding-inline-end: var(--gap-5);
  }
  .facts > dt,
  .facts > dd {
    padding-block: 0.45rem;
    border-top: 1px solid var(--line);
  }
  .facts > dt:first-of-type,
  .facts > dt:first-of-type + dd {
    border-top: 0;
  }
  .facts > dt {
    color: var(--soft);
  }
  @media (max-width: 32rem) {
    .facts {
      grid-template-columns: minmax(0, 1fr);
    }
    .facts > dd {
      border-top: 0;
      padding-top: 0;
    }
    .facts > dt {
      padding-bottom: 0;
      font-size: var(--text-s);
    }
    .card {
      padding: var(--gap-4);
    }
  }

  .table {
    overflow-x: auto;
    overscroll-behavior-x: contain;
  }
  table {
    width: 100%;
    border-collapse: collapse;
    overflow-wrap: normal;
  }
  th,
  td {
    padding: 0.55rem var(--gap-3);
    text-align: start;
    vertical-align: baseline;
    border-top: 1px solid var(--line);
  }
  th:first-child,
  td:first-child {
    padding-inline-start: var(--gap-5);
  }
  th:last-child,
  td:last-child {
    padding-inline-end: var(--gap-5);
  }
  thead th {
    font-size: var(--text-s);
    font-weight: 500;
    color: var(--soft);
    white-space: nowrap;
    border-top: 0;
  }
  tbody th {
    font-weight: 500;
    min-width: 9rem;
  }
  .pager,
  .more > summary {
    padding: var(--gap-3) var(--gap-5);
    border-top: 1px solid var(--line);
  }
  .number {
    text-align: end;
    white-space: nowrap;
  }
  tbody tr:hover {
    background: color-mix(in srgb, var(--accent-wash) 45%, transparent);
  }

  .badge {
    display: inline-flex;
    align-items: center;
    gap: 0.35em;
    padding: 0.05rem 0.55rem;
    font-size: var(--text-s);
    font-weight: 500;
    line-height: 1.5;
    color: var(--soft);
    background: var(--sunken);
    border-radius: 99px;
    white-space: nowrap;
  }
  .badge.good {
    color: var(--good);
    background: var(--good-wash);
  }
  .badge.warn {
    color: var(--warn);
    background: var(--warn-wash);
  }
  .badge.bad {
    color: var(--bad);
    background: var(--bad-wash);
  }
  .badge.info {
    color: var(--info);
    background: var(--info-wash);
  }

  .notice {
    padding: var(--gap-4);
    border: 1px solid var(--line);
    border-inline-start: 3px solid var(--line-strong);
    border-radius: var(--round-s);
    background: var(--card);
  }
  .notice.warn {
    border-inline-start-color: var(--warn);
  }
  .notice.bad {
    border-inline-start-color: var(--bad);
  }
  .notice.good {
    border-inline-start-color: var(--good);
  }

  .skeleton {
    display: block;
    height: 1.1em;
    border-radius: var(--round-s);
    background: linear-gradient(90deg, var(--line) 25%, var(--sunken) 50%, var(--line) 75%) 0 0 / 300% 100%;
    animation: shimmer 1.6s ease-in-out infinite;
  }
  .skeleton + .skeleton {
    margin-top: var(--gap-3);
  }
  .skeleton:last-child:not(:first-child) {
    width: 62%;
  }
  @keyframes shimmer {
    from {
      background-position: 100% 0;
    }
    to {
      background-position: 0 0;
    }
  }

  /* A figure's way to the query that it came from. */
  .source {
    color: inherit;
    text-decoration: underline dotted var(--line-strong) 1px;
    text-underline-offset: 0.22em;
  }
  .source:hover {
    color: var(--accent);
    text-decoration-color: var(--accent);
  }
  .untrusted {
    unicode-bidi: isolate;
    overflow-wrap: break-word;
  }
  .amount {
    white-space: nowrap;
  }
  .clip {
    display: inline-block;
    max-width: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    vertical-align: bottom;
  }
  .address {
    font-family: var(--mono);
    font-size: 0.92em;
    white-space: nowrap;
  }
  .bar {
    width: 100%;
    height: 14px;
    border-radius: 4px;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: var(--gap-1) var(--gap-4);
    margin: 0;
    padding: 0;
    list-style: none;
    font-size: var(--text-s);
  }
  .legend svg {
    display: inline-block;
    vertical-align: -1px;
    margin-inline-end: 0.4em;
  }
  .fill-1 {
    fill: var(--plot-1);
  }
  .fill-2 {
    fill: var(--plot-2);
  }
  .fill-3 {
    fill: var(--plot-3);
  }
  .fill-4 {
    fill: var(--plot-4);
  }
  .fill-rest {
    fill: var(--plot-rest);
  }
  .fill-bad {
    fill: var(--bad);
  }
  .mark {
    fill: var(--ink);
  }

  .toasts {
    position: fixed;
    inset-block-end: var(--gap-4);
    inset-inline-end: var(--gap-4);
    display: grid;
    gap: var(--gap-2);
    max-width: min(24rem, calc(100vw - 2rem));
    z-index: 10;
  }
  .toasts > div {
    padding: var(--gap-3) var(--gap-4);
    color: var(--paper);
    background: var(--ink);
    border-radius: var(--round-s);
  }
`
