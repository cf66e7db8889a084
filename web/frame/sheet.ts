import { css } from 'lit'

export const frameSheet = css`
  su-app {
    display: flex;
    flex-direction: column;
    min-height: 100vh;
    min-height: 100dvh;
  }
  su-app > main,
  su-app > footer.frame,
  header.frame {
    width: 100%;
    max-width: 76rem;
    margin-inline: auto;
    padding-inline: clamp(1rem, 3vw, 2rem);
  }
  su-app > main {
    flex: 1;
    padding-block: var(--gap-6);
    outline: none;
  }
  header.frame {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 var(--gap-5);
    padding-block: var(--gap-3);
    border-bottom: 1px solid var(--line);
  }
  .brand {
    display: flex;
    align-items: center;
    gap: var(--gap-2);
    font-weight: 650;
    font-size: var(--text-l);
    letter-spacing: -0.01em;
    color: var(--ink);
    text-decoration: none;
  }
  .mark-ground {
    fill: var(--accent);
  }
  .mark-rods {
    stroke: var(--accent-ink);
    stroke-opacity: 0.45;
    stroke-width: 1.6;
    stroke-linecap: round;
  }
  .mark-bead {
    fill: var(--accent-ink);
  }
  header.frame nav {
    display: flex;
    gap: var(--gap-1);
    flex: 1;
    min-width: 0;
    overflow-x: auto;
    scrollbar-width: none;
  }
  header.frame nav a {
    padding: 0.4rem 0.65rem;
    color: var(--soft);
    text-decoration: none;
    white-space: nowrap;
    border-radius: var(--round-s);
  }
  header.frame nav a:hover {
    color: var(--ink);
    background: var(--sunken);
  }
  header.frame nav a:focus-visible {
    outline-offset: -2px;
  }
  header.frame nav a[aria-current] {
    color: var(--accent);
    background: var(--accent-wash);
    font-weight: 500;
  }
  .settings {
    display: flex;
    align-items: center;
    gap: var(--gap-1);
    font-size: var(--text-s);
  }
  .settings select {
    width: auto;
    max-width: 8.5rem;
    min-height: 2rem;
    padding: 0.1rem 0.3rem;
    color: var(--soft);
    background: transparent;
    border-color: transparent;
  }
  .settings select:hover {
    border-color: var(--line-strong);
  }
  .settings option {
    color: var(--ink);
    background: var(--card);
  }
  .live {
    display: inline-flex;
    align-items: center;
    gap: 0.5em;
    min-height: 2rem;
    padding-inline: 0.4rem;
    color: var(--soft);
    text-decoration: none;
    white-space: nowrap;
  }
  .live .dot {
    width: 0.55rem;
    height: 0.55rem;
    border-radius: 50%;
    background: var(--line-strong);
  }
  .live.live .dot {
    background: var(--good);
  }
  .live.lost .dot {
    background: var(--bad);
  }
  .lost {
    padding: var(--gap-2) clamp(1rem, 3vw, 2rem);
    text-align: center;
    color: var(--bad);
    background: var(--bad-wash);
  }
  footer.frame {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    gap: var(--gap-2) var(--gap-5);
    padding-block: var(--gap-5);
    font-size: var(--text-s);
    color: var(--soft);
    border-top: 1px solid var(--line);
  }
  .skip {
    position: absolute;
    inset-inline-start: var(--gap-3);
    inset-block-start: -4rem;
    padding: var(--gap-2) var(--gap-3);
    background: var(--card);
    border-radius: var(--round-s);
    z-index: 5;
  }
  .skip:focus {
    inset-block-start: var(--gap-2);
  }
  @media (max-width: 60rem) {
    header.frame nav {
      order: 3;
      flex-basis: 100%;
      margin-top: var(--gap-2);
    }
    .settings {
      margin-inline-start: auto;
    }
  }
  @media (max-width: 30rem) {
    .brand span {
      display: none;
    }
    .settings select {
      max-width: 6rem;
    }
    su-app > main {
      padding-block: var(--gap-5);
    }
  }
  @media print {
    su-app > main {
      padding: 0;
    }
  }
`
