"""What tells languages of one script apart: their commonest small words, and letters that few others write."""

from __future__ import annotations

LATIN = {
    "en": (
        "the and is are was were will to of in on for with your you we our it this that have has can please not be "
        "would from at by as an if or but what which there here my i'm they their been more do does how any no yes "
        "sorry thank help could about order when out up so just should let know anything like need thanks welcome him "
        "her his she he"
    ),
    "de": (
        "der die das und ist sind war wird werden zu von im in auf für mit ihre ihr ihnen sie wir uns es dies diese "
        "dass haben hat kann können bitte nicht sein ein eine einen einem einer den dem des aus bei als wenn oder "
        "aber was wie noch auch nach nur mir ich mich leider gerne danke sehr bin am zum zur über keine kein habe gut "
        "vom hallo guten tag gern doch dann hier geht immer alle ja nein ihrer deine dein du"
    ),
    "fr": (
        "le la les et est sont était sera de du des en dans sur pour avec votre vos vous nous notre il elle ce cette "
        "que qui avez a peut pouvez pas ne être un une au aux par si ou mais plus je suis désolé merci bonjour "
        "comment très à été ont puis cela d'un c'est j'ai n'est qu'il mon ma mes son sa ses leur bien ici bonne jour "
        "oui non aussi leurs cet toujours numéro commande"
    ),
    "es": (
        "el la los las y es son fue será de del en por para con su sus usted nosotros nuestro este esta que quien "
        "tiene puede pueden no ser un una al si o pero más yo lo siento gracias hola cómo muy ha han se le me mi está "
        "están como hay también aquí qué cuando sin sobre favor eso puedo número pedido indíqueme sí"
    ),
    "it": (
        "il lo la i gli le e è sono era sarà di del della dei delle in nel nella su per con suo sua lei noi nostro "
        "questo questa che chi ha hanno può non essere un una al alla se o ma più io mi dispiace grazie come molto ci "
        "si anche qui da dal dalla posso ordine sul alle ai ne dell'ordine l'ordine cosa quando ho favore numero sì "
        "signor buongiorno"
    ),
    "pt": (
        "o a os as e é são foi será de do da dos das em no na nos nas por para com seu sua você nós nosso este esta "
        "que quem tem pode podem não ser um uma ao à se ou mas mais eu desculpe obrigado olá como muito está estão "
        "também aqui isso esse essa posso pelo pela lhe me meu minha já até quando favor número pedido indique-me "
        "informe te sim terça segunda"
    ),
    "nl": (
        "de het een en is zijn was wordt worden van in op voor met uw u wij we ons onze dit dat deze heeft hebben kan "
        "kunt niet naar bij als of maar wat wie nog ook er ik mij helaas graag dank zeer ben om te aan uit over geen "
        "hebt daar hier door mijn kunnen zal al zo hoe alstublieft geef hallo goed bestelling onderweg dan toch mag "
        "moet hij zij hun"
    ),
    "sv": (
        "och är var blir att av i på för med din ditt dina du vi oss vår det den detta denna som har kan inte ett en "
        "till från om eller men vad hur också efter jag mig tyvärr gärna tack mycket när vid så ska skulle här där "
        "ingen inga era ni er vänligen ange hej nej dig sig bra kunde vill någon något beställning"
    ),
    "da": (
        "og er var bliver at af i på for med din dit dine du vi os vores det den dette denne som har kan ikke et en "
        "til fra om eller men hvad hvordan også efter jeg mig desværre gerne tak meget når ved så skal her der ingen "
        "deres dem blev blive hjælpe nogle noget vej hvor nej blevet dig sig venligst jer hjælper kunne mange god hej "
        "oplys ordrenummer"
    ),
    "no": (
        "og er var blir å av i på for med din ditt dine du vi oss vår det den dette denne som har kan ikke et en til "
        "fra om eller men hva hvordan også etter jeg meg dessverre gjerne takk mye når ved så skal her der ingen noe "
        "noen deres dem ble bli hjelpe vei hvor nei blitt deg seg vennligst dere hjelper kunne mange god hei oppgi "
        "bestillingen ordrenummer"
    ),
    "fi": (
        "ja on ovat oli että ei en se tämä tämän joka ole voi voin voit teidän sinun minun me te he kun jos tai mutta "
        "myös niin kuin hyvin kiitos valitettavasti olen olet olemme auttaa mitä miten vain vielä nyt sen siitä "
        "tilauksesi mukaan kanssa jälkeen ennen"
    ),
    "pl": (
        "i w na z do jest są był będzie nie się to że o od po za przez dla ten ta te tym który która które może mogę "
        "czy jak co ale lub oraz pan pani twoje twój państwa nasz proszę przepraszam dziękuję dzień tego jego jej ich "
        "już tylko tak we ze mnie ma jestem"
    ),
    "cs": (
        "a v na z do je jsou byl bude ne se to že o od po za pro ten ta ty který která které může mohu jak co ale "
        "nebo vaše váš vám vás nás prosím děkuji dobrý den jeho její jejich už jen tak ve ze mi jsem jste také při "
        "této bohužel nemohu si"
    ),
    "sk": (
        "sme sú mal skúste znova prosíme účet a v na z do je bol bude nie sa to že o od po za pre ten tá tie ktorý "
        "ktorá ktoré môže môžem ako čo ale alebo vaša vaše váš vám vás nás prosím ďakujem dobrý deň jeho jej ich už "
        "len tak vo zo mi som ste tiež pri tejto bohužiaľ nemôžem si"
    ),
    "hu": (
        "a az és egy van vannak volt lesz nem hogy ez ezt azt is meg csak de vagy ha mint már még el ki be fel önnek "
        "ön kérem köszönöm sajnálom sajnos jó nap segíteni tudok lehet rendelése amely aki mi ők után alatt kell"
    ),
    "ro": (
        "și în la de pe cu este sunt era va nu un o al ale din pentru care ce dar sau mai dumneavoastră vă noi nostru "
        "acest această poate pot mulțumesc îmi pare rău bună cum foarte dacă fost prin către se sa său lui lor ne te "
        "am aveți ați să"
    ),
    "hr": (
        "i u na je su bio će biti ne da se to od za sa s koji koja koje može mogu kako što ali ili vaš vaša vaše vam "
        "vas nas molim hvala dobar dan njegov njihov već samo tako kao sam ste smo također nije žao nažalost ova ovaj"
    ),
    "tr": (
        "ve bir bu da de için ile çok var yok değil ne nasıl ama veya daha sizin size siz ben biz bize lütfen "
        "teşekkür merhaba üzgünüm olarak olan oldu olur olacak kadar sonra gibi her en mi mı ise şu o benim günü "
        "siparişiniz konuda olamam"
    ),
    "id": (
        "dan yang di ke dari untuk dengan ini itu adalah akan tidak bisa dapat anda kami saya kita pada atau tetapi "
        "juga sudah telah oleh karena jika mohon maaf terima kasih dalam lebih bagaimana apa sedang belum hari "
        "seperti tersebut ada"
    ),
    "vi": (
        "và của là có được cho không trong với các những này đó một tôi bạn chúng xin cảm ơn lỗi sẽ đã đang thể như "
        "khi nếu hoặc nhưng cũng đến từ ra vào trên ngày về rất hàng"
    ),
}

# Letters that not every language above writes; a find counts as a small word does.
LATIN_LETTERS = {
    "de": "ßäöü",
    "fr": "çœéêèàùûîôâëï",
    "es": "ñ¿¡áéíóúü",
    "it": "ìòàèéù",
    "pt": "ãõçêâáéíóúôà",
    "nl": "éëï",
    "sv": "åäöé",
    "da": "æøåé",
    "no": "æøåé",
    "fi": "äö",
    "pl": "łśżźćńąęó",
    "cs": "řěůčšžýďáéíóúťň",
    "sk": "ľĺŕôäčšžťňáéíóúýď",
    "hu": "őűáéöüíóú",
    "ro": "șțăşţîâ",
    "hr": "đčćšž",
    "tr": "ğışçİöü",
    "vi": "đơưạảấầẩậắằặẹẻẽếềểệỉịọỏốồổộớờởợụủứừửựỳỵỷỹáàãâăèéêìíòóôõùúý",
}

CYRILLIC = {
    "ru": (
        "и в на не что с по для это как вы мы я он она они его ее их ваш ваша вам вас нам был была будет есть или но "
        "если уже также при от до из за к у о пожалуйста спасибо извините здравствуйте может могу можно очень этот "
        "эта только чтобы когда помочь"
    ),
    "uk": (
        "і в на не що з по для це як ви ми я він вона вони його її їх ваш ваше вам вас нам був була буде є або але "
        "якщо вже також при від до із за та у про будь ласка дякую вибачте може можу можна дуже цей ця тільки щоб "
        "коли цим допомогти"
    ),
    "bg": (
        "и в на не че с по за това как вие ние аз той тя те неговия ви ще бъде е са или но ако вече също при от до из "
        "към у моля благодаря съжалявам може мога много този тази само да когато помогна се си"
    ),
    "sr": (
        "и у на не да са по за то како ви ми ја он она они његов ваш ваша вам вас нам био била биће је су или али ако "
        "већ такође при од до из ка молим хвала жао може могу веома овај ова само када се"
    ),
}
CYRILLIC_LETTERS = {
    "ru": "ыэё",
    "uk": "іїєґ",
    "bg": "ъщ",
    "sr": "јљњћђџ",
}

ARABIC = {
    "ar": (
        "في من على إلى عن مع هذا هذه التي الذي أن لا لم ما هو هي كان كانت يمكن يمكنك أو ثم كما بعد قبل عند كل لقد نحن "
        "أنا أنت شكرا آسف طلبك ذلك يوم قد غير"
    ),
    "fa": (
        "و در به از که این آن را با برای است هستند بود شد می خواهد شما ما من او آنها یا اگر تا هم نیز یک بر لطفا "
        "ممنون متاسفم سفارش روز کنید کنم نمی توانم شده"
    ),
    "ur": (
        "اور میں کے کی کا کو سے پر ہے ہیں تھا یہ وہ آپ ہم نے نہیں کہ جو بھی تو ایک ہو کر لیے براہ کرم شکریہ معذرت گا گی"
    ),
}
ARABIC_LETTERS = {
    "ar": "ةىؤإأ",
    "fa": "پچژگی",
    "ur": "ٹڈڑںےہھ",
}

DEVANAGARI = {
    "hi": (
        "और में के की का को से पर है हैं था यह वह आप हम मैं ने नहीं कि जो भी तो एक हो कर लिए कृपया धन्यवाद क्षमा आपका "
        "आपकी इस इसमें करें सकता होगा"
    ),
    "mr": (
        "आणि मध्ये च्या आहे आहेत होता हा ही हे ते तुम्ही आम्ही मी नाही की जो पण एक साठी कृपया धन्यवाद माफ तुमची तुमचा "
        "आपली आपल्या करा शकत होईल"
    ),
    "ne": (
        "र मा को का की लाई ले छ छन् थियो यो त्यो तपाईं हामी म होइन छैन कि जो पनि एक लागि कृपया धन्यवाद माफ तपाईंको "
        "गर्नुहोस् सक्दिन हुन्छ हुनेछ"
    ),
}
