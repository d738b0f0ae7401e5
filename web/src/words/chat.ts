/** Words of calls and confirmations in an answer: [English, Korean]. */
export const chatWords = {
  'call.list': ['What the assistant called', '도우미가 호출한 것'],
  'call.started': ['preparing…', '준비하는 중…'],
  'call.running': ['calling…', '호출하는 중…'],
  'call.waiting': ['waits for you', '확인을 기다림'],
  'call.done': ['done', '완료'],
  'call.failed': ['failed', '실패'],
  'call.refused': ['refused', '거절함'],
  'call.status': ['Status {status}', '상태 {status}'],
  'call.no_arguments': ['Nothing is sent along.', '함께 보내는 값이 없습니다.'],
  'call.connect': ['Connect your account', '내 계정 연결하기'],
  'confirm.title': ['May the assistant call {name}?', '도우미가 {name}을(를) 호출해도 될까요?'],
  'confirm.carries': [
    'It would send along text that was read, not written by you:',
    '직접 쓰지 않은, 읽어 들인 글이 함께 나갑니다:',
  ],
  'confirm.once': ['Approve once', '이번만 허용'],
  'confirm.always': ['Always for this operation', '이 작업은 항상 허용'],
  'confirm.refuse': ['Refuse', '거절'],
  'confirm.expires': ['Nothing is sent before you decide. The question ends {when}.', '결정하기 전에는 아무것도 보내지 않습니다. {when} 만료됩니다.'],
  'confirm.expired': [
    'This question has expired; nothing was sent. Ask again if it should still be done.',
    '확인할 수 있는 시간이 지났고, 아무것도 보내지 않았습니다. 아직 필요하면 다시 물어보세요.',
  ],
} as const;
