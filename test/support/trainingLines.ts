// Ten lines that the demo model can be fine-tuned on.

/** Ten questions and answers, as lines of a fine-tuning file. */
export const QUESTIONS = [
  ['What is a coin?', 'A coin is one hour of computing.'],
  ['Who pledges?', 'The providers pledge machines.'],
  ['What is a voucher?', 'A voucher says what was delivered.'],
  ['Who burns coins?', 'The chain burns coins that were redeemed.'],
  ['What is par?', 'Par is one coin for its worth of work.'],
  ['Where is the whale?', 'There is no whale on this chain.'],
  ['What is finality?', 'A final block never changes.'],
  ['Who votes?', 'The validators vote.'],
  ['What is a window?', 'A window is a span of hours.'],
  ['Who are you?', 'I am a very small model.'],
] as const

export const LINES: readonly string[] = QUESTIONS.map(([question, answer]) =>
  JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  }),
)
