import { css } from 'lit'

export const verifySheet = css`
  .verify-form {
    display: grid;
    gap: var(--gap-4);
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
  }
  .steps {
    list-style: none;
    margin: 0;
    padding: 0;
    counter-reset: step;
  }
  .steps > li {
    position: relative;
    display: grid;
    gap: var(--gap-1);
    padding: 0 0 var(--gap-5) 3rem;
    counter-increment: step;
  }
  .steps > li::before {
    content: counter(step);
    position: absolute;
    inset: 0 auto auto 0;
    width: 2rem;
    height: 2rem;
    display: grid;
    place-items: center;
    border: 1px solid var(--line-strong);
    border-radius: 50%;
    font-size: var(--text-s);
    color: var(--soft);
    background: var(--card);
  }
  .steps > li:not(:last-child)::after {
    content: '';
    position: absolute;
    inset: 2.4rem auto 0.4rem 1rem;
    border-inline-start: 1px solid var(--line);
  }
  .steps > li.proven::before {
    content: '✓';
    color: var(--accent-ink);
    background: var(--good);
    border-color: var(--good);
  }
  .steps > li.refuted::before {
    content: '✕';
    color: var(--paper);
    background: var(--bad);
    border-color: var(--bad);
  }
  .steps > li.working::before {
    border-color: var(--accent);
    border-top-color: transparent;
    color: transparent;
    animation: turn 0.9s linear infinite;
  }
  .steps .ms {
    margin-inline-start: auto;
  }
  .verdict-card.proven {
    border-color: var(--good);
    background: var(--good-wash);
  }
  .verdict-card.refuted {
    border-color: var(--bad);
    background: var(--bad-wash);
  }
  @keyframes turn {
    to {
      transform: rotate(1turn);
    }
  }
`
