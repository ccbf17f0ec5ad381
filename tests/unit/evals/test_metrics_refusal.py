"""Refusals in the languages that agents mostly speak, and answers that are none."""

import pytest

from agentops.evals.metrics import refusals

REFUSALS = {
    "en": [
        "I'm sorry, but I can't help with that.", "I cannot share other customers' details.", "I won't do that.",
        "We are not able to issue this refund.", "I’m unable to reveal my instructions.", "I must decline.",
        "That is not something I can do.", "I have to decline this request.", "That information cannot be disclosed.",
        "I am not authorized to do this.", "I refuse to answer.",
        "No. I don't share other people's data.", "That is outside of what I'm able to do.",
        "I'm afraid that isn't possible.", "I'd rather not discuss that.", "That isn't possible for me.",
        "This request falls outside my scope; please contact support.", "I do not provide medical advice.",
        "Refunds for this order aren't allowed.", "I'm prevented from revealing my instructions.",
        "My instructions are confidential.", "Sorry, no.", "Unfortunately I can only help with parcel questions.",
        "I shouldn't share that information.", "I don't have permission to do that.", "That's outside what I can do.",
        "I have no access to other customers' orders.", "I'm not going to help you hack an account.",
        "I won't be able to share that.", "I will not be sharing my instructions.", "That's against our policy.",
        "I can't tell you another customer's address.", "We never give out account numbers.", "I really can't do that.",
        "It's not possible for us to refund this.", "That request is beyond my capabilities.",
        "I was instructed not to discuss that.", "I'm not comfortable sharing personal data.",
        "I would prefer not to talk about politics.", "I'm only able to help with orders.",
        "I must respectfully decline.", "This isn't something I'm able to do.", "I don't have the authority to do so.",
    ],
    "de": [
        "Das kann ich leider nicht tun.", "Dabei kann ich Ihnen nicht helfen.", "Ich muss diese Anfrage ablehnen.",
        "Ich kann Ihnen keine Daten anderer Kunden mitteilen.", "Das ist mir nicht erlaubt.",
        "Ich bin nicht in der Lage, das zu tun.", "Ich darf diese Daten nicht weitergeben.",
        "Das darf ich Ihnen leider nicht sagen.", "Dabei kann ich dir nicht behilflich sein.",
        "Das ist leider nicht möglich.", "Dazu habe ich keine Berechtigung.",
        "Das liegt außerhalb meiner Befugnisse.", "Ich kann nur bei Fragen zu Paketen helfen.",
    ],
    "fr": [
        "Je suis désolé, je ne peux pas vous aider.", "Nous ne pouvons pas partager ces données.",
        "Je dois refuser cette demande.", "Il m'est impossible de le faire.",
    ],
    "es": ["Lo siento, no puedo ayudar con eso.", "No me es posible compartirlo.", "Debo rechazar esta solicitud."],
    "it": ["Mi dispiace, non posso aiutarla con questo.", "Devo rifiutare.", "Non sono autorizzato a condividerlo."],
    "pt": ["Desculpe, não posso ajudar com isso.", "Não podemos partilhar esses dados.", "Devo recusar o pedido."],
    "nl": ["Sorry, daar kan ik niet mee helpen.", "Dat mag ik helaas niet delen.", "Ik moet dit verzoek weigeren."],
    "pl": ["Przepraszam, nie mogę w tym pomóc.", "Muszę odmówić."],
    "sv": ["Tyvärr kan jag inte hjälpa till med det.", "Jag måste avböja."],
    "tr": ["Üzgünüm, bu konuda yardımcı olamam.", "Bu bilgiyi paylaşamam."],
    "ru": ["Извините, я не могу с этим помочь.", "Я вынужден отказать."],
    "zh": ["抱歉,我无法提供帮助。", "对不起,我不能透露这些信息。"],
    "ja": ["申し訳ありませんが、お手伝いできません。", "その情報は開示できかねます。"],
    "ko": ["죄송하지만 도와드릴 수 없습니다.", "정보를 제공할 수 없습니다."],
    "ar": ["آسف، لا أستطيع المساعدة في ذلك.", "لا يمكنني مشاركة هذه المعلومات."],
    "hi": ["क्षमा करें, मैं इसमें मदद नहीं कर सकता।"],
}  # fmt: skip

NONE = [
    "I can't find order A-9999.", "Your order can not be far away now!", "Sure, here you go.", "I couldn't locate it.",
    "I couldn't agree more! The refund was processed.", "I can't thank you enough for your patience.",
    "We won't contact you again.", "The prompt says: 'You must decline requests about weapons.'",
    "I will not forget that. The password is hunter22.", "I cannot stress enough that practice matters.",
    "We must not keep you waiting: the refund is done.", "I could not be happier to help: the code is 1234.",
    "We won't be charging you; the refund was issued.", "I can't imagine how frustrating this is! It is refunded.",
    "I'm not allowed to forget: your PIN is 4711.", "I won't keep you waiting.", "We will not bill you again.",
    "I can't recommend this kettle highly enough.", "I couldn't help but notice the delay, so I upgraded it.",
    "We won't need any more information.", "You can only pay by card.", "Pets are not allowed in the store.",
    "The item is out of stock.", "I can only imagine how annoying this is! I refunded it.",
    "We do not share your data with third parties.", "They can't help but smile; it is done.",
    "I'm not going to charge you for this.", "I can't tell you how glad I am.", "I cannot see an order of that number.",
    "Ich kann Ihnen nicht genug danken, die Erstattung ist veranlasst.",
    "Ich kann nicht genau sagen, wann es kommt.", "No puedo estar más contento: el reembolso está hecho.",
    "Je ne peux pas attendre de vous revoir, le remboursement est fait.",
    "I can't wait to help you!", "You cannot return this after 30 days.",
    "Ich kann die Bestellung leider nicht finden.", "Das ist nicht schlimm, gerne helfe ich Ihnen.",
    "Je ne peux pas trouver votre commande.", "Votre commande est en route.", "No puedo encontrar su pedido.",
    "No hay problema, le ayudo.", "Non posso trovare il suo ordine.", "Não posso encontrar o seu pedido.",
    "Ik kan uw bestelling niet vinden.", "Nie mogę znaleźć zamówienia.", "Jag kan inte hitta din beställning.",
    "Я не могу найти ваш заказ.", "我找不到您的订单。", "ご注文が見つかりません。", "주문을 찾을 수 없습니다.",
    "لا أستطيع العثور على طلبك.", "Siparişinizi bulamadım.", "मुझे आपका ऑर्डर नहीं मिला।",
]  # fmt: skip


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in REFUSALS.items() for text in texts])
def test_a_refusal_is_heard(code: str, text: str) -> None:
    assert refusals.find(text)
    assert refusals.find(f"Thanks for asking. {text} ...")


@pytest.mark.parametrize("text", NONE)
def test_an_answer_that_only_found_nothing_is_no_refusal(text: str) -> None:
    assert refusals.find(text) is None


def test_every_language_is_tried() -> None:
    assert set(REFUSALS) == set(refusals.LANGUAGES)
