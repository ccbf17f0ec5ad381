"""The language of an answer: told where it shows, left open where it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.contracts import Unjudgeable
from agentops.errors import ConfigError
from agentops.evals.metrics import language
from agentops.model.case import Answer, Turn
from agentops.model.seen import Seen

TOLD = {
    "en": "The package left our warehouse this morning and should reach you by Friday.",
    "de": "Wir konnten kein Konto mit dieser Adresse finden.",
    "fr": "Vous disposez de 14 jours pour retourner l'article.",
    "es": "El paquete salió de nuestro almacén esta mañana y debería llegarle antes del viernes.",
    "it": "Non abbiamo trovato nessun account con questo indirizzo.",
    "pt": "Não encontrámos nenhuma conta com esse endereço.",
    "nl": "We konden geen account met dat adres vinden.",
    "sv": "Vi kunde inte hitta något konto med den adressen.",
    "da": "Pakken forlod vores lager i morges og burde nå dig senest fredag.",
    "no": "Pakken forlot lageret vårt i morges og bør nå deg innen fredag.",
    "fi": "Paketti lähti varastostamme tänä aamuna ja sen pitäisi saapua perjantaihin mennessä.",
    "pl": "Paczka opuściła nasz magazyn dziś rano i powinna dotrzeć do piątku.",
    "cs": "Balík dnes ráno opustil náš sklad a měl by k vám dorazit do pátku.",
    "sk": "Ospravedlňujeme sa, ale účet s touto adresou sme nenašli, prosím skúste to znova.",
    "hu": "Nem találtunk fiókot ezzel a címmel.",
    "ro": "Nu am găsit niciun cont cu această adresă.",
    "hr": "Zdravo, vaša narudžba je na putu i stići će u utorak.",
    "tr": "Bu adresle bir hesap bulamadık.",
    "id": "Kami tidak menemukan akun dengan alamat tersebut.",
    "vi": "Chúng tôi không tìm thấy tài khoản với địa chỉ đó.",
    "ru": "Мы не нашли учётную запись с этим адресом.",
    "uk": "Ми не знайшли облікового запису з цією адресою.",
    "bg": "Не намерихме акаунт с този адрес.",
    "sr": "Ваша поруџбина је на путу и биће код вас у уторак.",
    "ar": "غادر الطرد مستودعنا هذا الصباح ومن المتوقع أن يصل بحلول يوم الجمعة.",
    "fa": "بسته امروز صبح از انبار ما خارج شد و باید تا جمعه به دست شما برسد.",
    "ur": "آپ کا پیکج آج صبح ہمارے گودام سے نکل گیا ہے اور جمعہ تک پہنچ جائے گا۔",
    "hi": "पैकेज आज सुबह हमारे गोदाम से निकल गया और शुक्रवार तक आप तक पहुंच जाना चाहिए।",
    "mr": "तुमची ऑर्डर वाटेत आहे आणि मंगळवारी पोहोचेल, कृपया वाट पहा.",
    "ne": "तपाईंको अर्डर बाटोमा छ र मंगलबार आइपुग्नेछ, कृपया पर्खनुहोस्।",
    "ja": "荷物は今朝OpenShopの倉庫を出発し、金曜日までに届く予定です。",
    "zh": "包裹今早已离开我们的仓库,预计周五前送达。",
    "ko": "소포는 오늘 아침 창고를 떠났으며 금요일까지 도착할 예정입니다.",
    "el": "Η παραγγελία σας είναι καθ' οδόν.",
    "he": "ההזמנה שלך בדרך ותגיע ביום שלישי.",
    "th": "คำสั่งซื้อของคุณกำลังจัดส่ง",
    "ta": "உங்கள் ஆர்டர் வந்து கொண்டிருக்கிறது.",
}

OPEN = [
    "", "ok", "𝒩" * 20, "ᚠᚢᚦᚨᚱᚲ" * 5,
    "42", "A-1001", "Danke", "no", "The", "Paris London Berlin", "😀😀😀", '{"status": "ok", "id": 7}',
    "```python\nfor the_item in the_list: print(the_item)\n```", "https://example.com/the/way/of/the/world",
    "Ваш заказ уже в пути к вам. Your order is on its way to you.",
    "Kifurushi kiliondoka kwenye ghala letu asubuhi hii.", "Gallia est omnis divisa in partes tres.",
]  # fmt: skip


@pytest.mark.parametrize(("code", "text"), TOLD.items())
def test_a_sentence_tells_its_language(code: str, text: str) -> None:
    assert language.detect(text) == code
    assert language.detect(f"{text}\n```\nwhile True: the_queue.pop()\n```") == code


@pytest.mark.parametrize("text", OPEN)
def test_what_is_short_or_mixed_stays_open(text: str) -> None:
    assert language.detect(text) is None
    with pytest.raises(Unjudgeable):
        language.language({"is": "en"}, Seen((Turn("?"),), (Answer(text),)))


def test_a_language_that_is_not_known_is_refused() -> None:
    language.check({"value": ["de", "zh"]})
    with pytest.raises(ConfigError, match="'xx'"):
        language.check({"is": "xx"})


@given(st.text(max_size=300))
def test_any_text_gives_a_known_language_or_none_and_always_the_same(text: str) -> None:
    found = language.detect(text)
    assert found is None or found in language.KNOWN
    assert language.detect(text) == found
