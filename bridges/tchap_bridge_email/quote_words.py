"""The words by which mail clients introduce, head and sign off what they quote, as data. French first.

All are compared in case-folded form with plain apostrophes; a space stands for any white space.
"""

from __future__ import annotations


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.replace("\n", " ").split("|"))


# "… a écrit :": the verb that ends an attribution or, in Dutch and German, stands inside it.
WROTE = _phrases(
    """
    a écrit | à écrit | a ecrit | a écris | écrivait | écrivit | ecrivait | a envoyé | a dit | wrote | writes |
    sent | said | schrieb | schrieben | hat geschrieben | escribió | escribio | ha escrito | ha scritto | scrisse |
    escreveu | schreef | het volgende geschreven | skrev | skreiv | kirjoitti | napisał | napisała | napisał(a) |
    napisal(a) | napsal | napsal(a) | napísal | napísal(a) | a scris | írta | написал | написала | написал(а) |
    пишет | написав | έγραψε | đã viết | yazdı | napisao je | je napisao | 写道 | 寫道 | のメール | a scrivut |
    en deus skrivet | va escriure | idatzi du
    """
)

# The word an attribution starts with, before its date or name.
ON = _phrases(
    """
    le | on | am | il giorno | il | in data | el | em | op | den | på | w dniu | dnia | dne | dňa | vào | în | la |
    a | op dag | at | von | de | od | em qua | d' | d’ | da | the | in a message dated | in article |
    à la date du | en date du | à
    """
)

# Names of header fields as clients print them above an earlier mail, by what they hold.
FROM = _phrases(
    """
    de | from | von | da | van | fra | från | od | lähettäjä | от | від | expéditeur | expediteur | remitente |
    mittente | kimden | από | feladó | de la | gönderen | 差出人 | 发件人 | 寄件者 | từ | afzender | absender
    """
)
SENT = _phrases(
    """
    envoyé | envoyé le | envoye | sent | gesendet | inviato | verzonden | sendt | skickat | wysłano | wysłane |
    enviado | enviado el | enviada em | enviado em | odesláno | odoslané | lähetetty | отправлено | elküldve |
    gönderildi | trimis | 发送时间 | 送信日時 | 寄件日期 | message du | date d'envoi | đã gửi | enviada
    """
)
DATE = _phrases(
    """
    date | datum | data | dato | fecha | дата | päivämäärä | dátum | tarih | 日期 | ngày | gesendet am
    """
)
TO = _phrases(
    """
    à | a | to | an | aan | til | till | do | komu | para | vastaanottaja | кому | destinataire | destinataires |
    címzett | kime | către | προς | 收件人 | 宛先 | đến | pour
    """
)
COPY = _phrases(
    """
    cc | cci | bcc | copie | copie à | kopie | kopi | kopia | dw | копия | kopio | 抄送 | reply-to | répondre à
    """
)
SUBJECT = _phrases(
    """
    objet | sujet | subject | betreff | oggetto | onderwerp | emne | ämne | temat | asunto | assunto | předmět |
    predmet | aihe | тема | tárgy | konu | subiect | θέμα | 主题 | 件名 | 主旨 | chủ đề | re
    """
)
EXTRA = _phrases(
    """
    importance | priorité | priority | wichtigkeit | pièces jointes | pièce jointe | attachments | anlagen |
    organization | liste | list-id | heure | prioridad | catégories | sensibilité
    """
)

# Between two runs of dashes: "-----Message d'origine-----".
EARLIER = _phrases(
    """
    message d'origine | message original | message initial | mail original | courriel original |
    courriel d'origine | mail d'origine | message précédent | original message | original mail | original email |
    reply message | previous message | ursprüngliche nachricht | ursprungliche nachricht | originalnachricht |
    original-nachricht | original nachricht | antwort nachricht | mensaje original | messaggio originale |
    mensagem original | oorspronkelijk bericht | oprindelig besked | oprindelig meddelelse | opprinnelig melding |
    original melding | ursprungligt meddelande | originalmeddelande | alkuperäinen viesti | wiadomość oryginalna |
    oryginalna wiadomość | původní zpráva | pôvodná správa | исходное сообщение | eredeti üzenet | mesaj original |
    mesajul original | orijinal ileti | αρχικό μήνυμα | tin nhắn gốc | 邮件原件 | 原始邮件 | 元のメッセージ
    """
)

# Between two runs of dashes, or before a colon: what follows is passed on, and is the point of the mail.
FORWARDED = _phrases(
    """
    message transféré | message transmis | mail transféré | courriel transféré | message réexpédié |
    message suivi | forwarded message | forwarded by | begin forwarded message | start of forwarded message |
    début du message transféré | début du message réexpédié | début du message transmis |
    weitergeleitete nachricht | anfang der weitergeleiteten | mensaje reenviado | messaggio inoltrato |
    inizio messaggio inoltrato | mensagem encaminhada | mensagem reencaminhada | doorgestuurd bericht |
    begin doorgestuurd bericht | videresendt meddelelse | videresendt melding | vidarebefordrat |
    välitetty viesti | przekazana wiadomość | přeposlaná zpráva | пересылаемое сообщение | пересланное сообщение |
    továbbított üzenet | iletilen mesaj | 转发的邮件 | forwarded mail | message reacheminé
    """
)

# What a telephone or an application signs with: the beginning of a short line, or the end of one.
DEVICE_STARTS = _phrases(
    """
    envoyé de mon | envoyé depuis mon | envoyé depuis l' | envoyé à partir de mon | envoyé à partir de outlook |
    envoyé à partir d'outlook | envoyé depuis outlook | envoyé de outlook | envoyé d'un | envoyé depuis un |
    envoyé avec | envoyé via | envoyé par blackberry | envoyé par courrier | envoyé à partir du courrier |
    envoyé à partir de courrier | envoyé depuis yahoo | envoyé depuis courrier | envoyé depuis ma tablette |
    envoyé de ma tablette | envoyé depuis gmail | envoyé depuis proton | obtenir outlook pour |
    obtenez outlook pour | télécharger outlook pour | télécharger bluemail | provenance : courrier pour |
    provenance : mail pour | sent from my | sent from outlook | sent from mail for | sent from yahoo |
    sent from gmail | sent from proton | sent from samsung | sent from typeapp | sent from bluemail |
    sent from mailbird | sent from the all new | sent from a mobile | sent from an iphone | sent using | sent via |
    sent with | get outlook for | get bluemail for | gesendet von meinem | gesendet von outlook |
    gesendet von mail für | gesendet mit | von meinem iphone | diese nachricht wurde von meinem | outlook für |
    holen sie sich outlook | inviato da iphone | inviato da ipad | inviato dal mio | inviato da outlook |
    inviato da libero | inviato da posta | ottieni outlook | enviado desde mi | enviado desde outlook |
    enviado desde correo | obtener outlook para | enviado do meu | enviado de meu | enviado a partir do |
    enviado via | obter o outlook | obtenha o outlook | verstuurd vanaf mijn | verzonden vanaf mijn |
    verzonden met | outlook voor | skickat från min | skickat från outlook | sendt fra min | sendt fra outlook |
    hent outlook | lähetetty iphone | lähetetty mobiili | wysłane z | wysłano z | odesláno z | odoslané z |
    отправлено с | отправлено из | iphone'umdan gönderildi | iphone'dan gönderildi | trimis de pe | elküldve az |
    iphoneから送信 | 从我的 | 發自我的 | 发自我的 | a envoyé depuis mon
    """
)
DEVICE_ENDS = _phrases(
    """
    gesendet | から送信 | gönderildi | poslano z iphonu
    """
)

# In a list's footer, beside an address or a link.
FOOTER = _phrases(
    """
    mailing list | liste de diffusion | liste de discussion | mailman/listinfo | se désabonner | désabonnement |
    désinscription | se désinscrire | unsubscribe | to unsubscribe | listinfo | postorius | sympa/ | wws/ | /wws |
    mailinglist | gérer votre abonnement | options d'abonnement | diffusion list
    """
)
