import { css } from 'lit'

export const operatorSheet = css`
  .figures.now {
    grid-template-columns: repeat(4, minmax(0, 1fr));
  }
  @media (max-width: 48rem) {
    .figures.now {
      grid-template-columns: repeat(2, minmax(0, 1fr));
    }
  }
  .charts {
    display: grid;
    gap: var(--gap-5);
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
  }
  .charts figure {
    margin: 0;
    min-width: 0;
  }
  .charts figcaption {
    font-size: var(--text-s);
    color: var(--soft);
    margin-bottom: var(--gap-1);
  }
  .chart {
    min-height: 170px;
    overflow: hidden;
  }
  .choice {
    display: inline-flex;
    flex-wrap: wrap;
    border: 1px solid var(--line-strong);
    border-radius: var(--round-s);
    overflow: hidden;
  }
  .choice button {
    min-height: 2rem;
    padding: 0.1rem 0.7rem;
    border: 0;
    border-radius: 0;
    font-size: var(--text-s);
  }
  .choice button[aria-pressed='true'] {
    background: var(--accent-wash);
    color: var(--accent);
    font-weight: 600;
  }
  .choice button:focus-visible {
    outline-offset: -2px;
  }
  .alarm {
    display: grid;
    gap: 0.1rem var(--gap-3);
    grid-template-columns: auto minmax(0, 1fr);
    align-items: baseline;
    padding-block: var(--gap-3);
    border-top: 1px solid var(--line);
  }
  .alarm:first-child {
    border-top: 0;
    padding-top: 0;
  }
  .alarm p {
    grid-column: 2;
  }
  .turns {
    width: 7rem;
    height: 8px;
  }
`
